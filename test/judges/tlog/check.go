package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// judge checks root, tiles, proofs, what was said of the log, and bodies.
func (l *log) judge(known []state) error {
	if l.head.size == 0 {
		return nil
	}
	root, err := tlog.TreeHash(l.head.size, tlog.HashReaderFunc(l.computed))
	if err != nil {
		return err
	}
	if root != l.head.root {
		return fmt.Errorf("the root over %d entries is %v, its checkpoint says %v", l.head.size, root, l.head.root)
	}
	for _, tile := range tlog.NewTiles(height, 0, l.head.size) {
		if err := l.judgeTile(tile); err != nil {
			return err
		}
	}
	if err := l.judgeProofs(known); err != nil {
		return err
	}
	return l.judgeBodies()
}

// judgeTile compares a tile with what came out of the entries.
func (l *log) judgeTile(tile tlog.Tile) error {
	found, err := os.ReadFile(filepath.Join(l.folder, pathOf(tile)))
	if err != nil {
		return err
	}
	computed, err := tlog.ReadTileData(tile, tlog.HashReaderFunc(l.computed))
	if err != nil {
		return err
	}
	if !bytes.Equal(found, computed) {
		return fmt.Errorf("%s is not that of the entries", pathOf(tile))
	}
	return nil
}

// judgeProofs has every entry, and every state that was noted, proven from the tiles alone.
func (l *log) judgeProofs(known []state) error {
	tree := tlog.Tree{N: l.head.size, Hash: l.head.root}
	served := tlog.TileHashReader(tree, tiles{l})
	for index, entry := range l.entries {
		proof, err := tlog.ProveRecord(l.head.size, int64(index), served)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, l.head.size, l.head.root, int64(index), tlog.RecordHash(entry)); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
	}
	for _, said := range known {
		if said.size == 0 {
			continue
		}
		if said.size > l.head.size {
			return fmt.Errorf("%d entries, fewer than %s says: %d", l.head.size, said.by, said.size)
		}
		proof, err := tlog.ProveTree(l.head.size, said.size, served)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, l.head.size, l.head.root, said.size, said.root); err != nil {
			return fmt.Errorf("%s, of %d entries: %w", said.by, said.size, err)
		}
	}
	return nil
}

// tiles reads the tiles of a log for the proofs.
type tiles struct{ *log }

func (t tiles) Height() int { return height }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(wanted))
	for i, tile := range wanted {
		data, err := os.ReadFile(filepath.Join(t.folder, pathOf(tile)))
		if err != nil {
			return nil, err
		}
		found[i] = data
	}
	return found, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// judgeBodies compares what is disclosed with what the entries commit to.
func (l *log) judgeBodies() error {
	for index := int64(0); index<<height < l.head.size; index++ {
		place := pathOf(tlog.Tile{H: height, L: 0, N: index, W: 1 << height})
		file := filepath.Join(l.folder, strings.Replace(place, "tile/0/", "bodies/", 1)+".jsonl")
		lines, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		for _, line := range bytes.Split(bytes.TrimSuffix(lines, []byte("\n")), []byte("\n")) {
			if err := l.judgeBody(line); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return nil
}

func (l *log) judgeBody(line []byte) error {
	var disclosed struct {
		Ix   int
		Salt string
		Body string
	}
	if err := json.Unmarshal(line, &disclosed); err != nil {
		return err
	}
	var event struct{ C string }
	if disclosed.Ix < 0 || disclosed.Ix >= len(l.entries) {
		return fmt.Errorf("no entry %d", disclosed.Ix)
	}
	if err := json.Unmarshal(l.entries[disclosed.Ix], &event); err != nil {
		return err
	}
	salt, err := base64.RawURLEncoding.DecodeString(disclosed.Salt)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(disclosed.Body))
	if base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) != event.C {
		return fmt.Errorf("the body of entry %d is not what it commits to", disclosed.Ix)
	}
	return nil
}
