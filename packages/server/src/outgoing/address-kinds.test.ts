import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kindOf, type AddressKind } from './address-kinds.ts';
import { mayReach } from './reach.ts';

const kinds: readonly (readonly [address: string, kind: AddressKind])[] = [
  ['8.8.8.8', 'public'],
  ['1.1.1.1', 'public'],
  ['9.255.255.255', 'public'],
  ['11.0.0.0', 'public'],
  ['172.15.255.255', 'public'],
  ['172.32.0.0', 'public'],
  ['100.63.255.255', 'public'],
  ['100.128.0.0', 'public'],
  ['223.255.255.255', 'public'],
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'unspecified'],
  ['10.0.0.0', 'private'],
  ['10.255.255.255', 'private'],
  ['100.64.0.1', 'shared'],
  ['100.127.255.255', 'shared'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['169.254.0.1', 'link-local'],
  ['169.254.169.254', 'metadata'],
  ['169.254.170.2', 'metadata'],
  ['168.63.129.16', 'metadata'],
  ['100.100.100.200', 'metadata'],
  ['192.0.0.192', 'metadata'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.0.0.8', 'reserved'],
  ['192.0.2.1', 'documentation'],
  ['192.88.99.1', 'transition'],
  ['192.168.0.1', 'private'],
  ['198.18.0.1', 'benchmark'],
  ['198.19.255.255', 'benchmark'],
  ['198.51.100.1', 'documentation'],
  ['203.0.113.1', 'documentation'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.250', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'reserved'],
  ['2606:4700:4700::1111', 'public'],
  ['2001:4860:4860::8888', 'public'],
  ['2a00::', 'public'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['::2', 'transition'],
  ['::127.0.0.1', 'transition'],
  ['::8.8.8.8', 'transition'],
  ['::ffff:127.0.0.1', 'transition'],
  ['::ffff:7f00:1', 'transition'],
  ['::ffff:8.8.8.8', 'transition'],
  ['::ffff:0:127.0.0.1', 'transition'],
  ['64:ff9b::8.8.8.8', 'public'],
  ['64:ff9b::127.0.0.1', 'loopback'],
  ['64:ff9b::a9fe:a9fe', 'metadata'],
  ['64:ff9b::10.0.0.1', 'private'],
  ['64:ff9b::1:8.8.8.8', 'reserved'],
  ['64:ff9b:1::8.8.8.8', 'transition'],
  ['64:ff9b:2::1', 'reserved'],
  ['100::1', 'reserved'],
  ['2001::1', 'transition'],
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'transition'],
  ['2001:2::1', 'transition'],
  ['2001:20::1', 'transition'],
  ['2001:db8::1', 'documentation'],
  ['2002:7f00:1::', 'transition'],
  ['2002:a9fe:a9fe::1', 'transition'],
  ['3fff::1', 'documentation'],
  ['4000::1', 'reserved'],
  ['5f00::1', 'reserved'],
  ['fc00::1', 'private'],
  ['fdff:ffff::1', 'private'],
  ['fd00:ec2::254', 'metadata'],
  ['fd00:ec2::23', 'metadata'],
  ['fd20:ce::254', 'metadata'],
  ['fd00:42::42', 'metadata'],
  ['fe80::1', 'link-local'],
  ['fe80::a9fe:a9fe', 'link-local'],
  ['febf:ffff::1', 'link-local'],
  ['fec0::1', 'private'],
  ['ff02::1', 'multicast'],
  ['fe80::1%eth0', 'unreadable'],
  ['2606:4700::1%1', 'unreadable'],
  ['', 'unreadable'],
  ['localhost', 'unreadable'],
  ['127.1', 'unreadable'],
  ['0177.0.0.1', 'unreadable'],
  ['[::1]', 'unreadable'],
  ['1.2.3.4 ', 'unreadable'],
];

describe('kindOf', () => {
  it.each(kinds)('says of %j: %s', (address, kind) => {
    expect(kindOf(address)).toBe(kind);
  });

  it('says the same of every spelling of an IPv6 address', () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const plain = groups.map((each) => each.toString(16)).join(':');
        const long = groups.map((each) => each.toString(16).padStart(4, '0').toUpperCase()).join(':');
        const short = new URL(`http://[${plain}]`).hostname.slice(1, -1);
        const dotted = [groups[6] ?? 0, groups[7] ?? 0].flatMap((each) => [each >> 8, each & 255]).join('.');
        const mixed = `${groups
          .slice(0, 6)
          .map((each) => each.toString(16))
          .join(':')}:${dotted}`;
        expect([long, short, mixed].map(kindOf)).toEqual(Array(3).fill(kindOf(plain)));
      }),
    );
  });

  it('holds the same IPv4 addresses special as the list of Node, whatever the address', () => {
    const special = new BlockList();
    for (const [net, bits] of [
      ['0.0.0.0', 8],
      ['10.0.0.0', 8],
      ['100.64.0.0', 10],
      ['127.0.0.0', 8],
      ['169.254.0.0', 16],
      ['172.16.0.0', 12],
      ['192.168.0.0', 16],
      ['198.18.0.0', 15],
      ['224.0.0.0', 3],
    ] as const)
      special.addSubnet(net, bits);
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        fc.pre(special.check(address));
        expect(kindOf(address)).not.toBe('public');
      }),
      { numRuns: 500 },
    );
  });
});

const ownKinds: readonly AddressKind[] = ['public', 'loopback', 'private', 'shared', 'benchmark'];

it('lets the operator into the own network, and nobody to link-local or metadata addresses', () => {
  const reached = (reach: 'public' | 'operator') => kinds.filter(([address]) => mayReach(address, reach));
  expect(reached('public')).toEqual(kinds.filter(([, kind]) => kind === 'public'));
  expect(reached('operator')).toEqual(kinds.filter(([, kind]) => ownKinds.includes(kind)));
});
