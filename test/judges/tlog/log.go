package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// state is what somebody says of a log.
type state struct {
	size int64
	root tlog.Hash
	by   string
}

// log is one log as its folder has it.
type log struct {
	folder  string
	origin  string
	head    state
	entries [][]byte
	hashes  []tlog.Hash
}

// open reads a log and everything in it.
func (j *judge) open(place, origin string) (*log, error) {
	l := &log{folder: filepath.Join(j.folder, filepath.FromSlash(place)), origin: origin}
	signed, err := os.ReadFile(filepath.Join(l.folder, "checkpoint"))
	if err != nil {
		return nil, err
	}
	said, head, err := j.checkpoint(signed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", origin, err)
	}
	if said != origin {
		return nil, fmt.Errorf("%s: its checkpoint is of %s", origin, said)
	}
	l.head = head
	for index := int64(0); index<<height < head.size; index++ {
		if err := l.readBundle(index); err != nil {
			return nil, fmt.Errorf("%s: %w", origin, err)
		}
	}
	j.logs[origin] = l
	return l, nil
}

// checkpoint opens a signed checkpoint.
func (j *judge) checkpoint(signed []byte) (string, state, error) {
	opened, err := note.Open(signed, j.verifiers)
	if err != nil {
		return "", state{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return "", state{}, errors.New("a checkpoint is not of three lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] {
		return "", state{}, errors.New("a checkpoint has no size")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	head := state{size: size}
	if err != nil || copy(head.root[:], root) != len(root) || len(root) != len(head.root) {
		return "", state{}, errors.New("a checkpoint has no root")
	}
	return lines[0], head, nil
}

// readBundle takes the entries of one bundle into the tree.
func (l *log) readBundle(index int64) error {
	width := l.head.size - index<<height
	if width > 1<<height {
		width = 1 << height
	}
	tile := tlog.Tile{H: height, L: 0, N: index, W: int(width)}
	bundle, err := os.ReadFile(filepath.Join(l.folder, strings.Replace(pathOf(tile), "tile/0/", "tile/entries/", 1)))
	if err != nil {
		return err
	}
	for count := int64(0); count < width || len(bundle) > 0; count++ {
		if count == width || len(bundle) < 2 {
			return fmt.Errorf("bundle %d does not hold %d entries", index, width)
		}
		length := int(binary.BigEndian.Uint16(bundle))
		if len(bundle) < 2+length {
			return fmt.Errorf("bundle %d ends in an entry", index)
		}
		entry := bundle[2 : 2+length]
		hashes, err := tlog.StoredHashes(int64(len(l.entries)), entry, tlog.HashReaderFunc(l.computed))
		if err != nil {
			return err
		}
		l.entries = append(l.entries, entry)
		l.hashes = append(l.hashes, hashes...)
		bundle = bundle[2+length:]
	}
	return nil
}

// computed gives the hashes that came out of the entries.
func (l *log) computed(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		found[i] = l.hashes[index]
	}
	return found, nil
}

// pathOf is where a tile lies: the Go command puts the height in front, C2SP tlog-tiles does not.
func pathOf(tile tlog.Tile) string {
	return filepath.FromSlash(strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1))
}
