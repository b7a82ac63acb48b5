// A judge of audit logs that shares no line with Sealgate: everything it computes comes from golang.org/x/mod/sumdb, the code
// by which the Go command checks its checksum database. It reads the folder of a log, prints the first thing that is
// wrong and exits with 1, or prints how much it read and exits with 0.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// judge is what the verdict rests on.
type judge struct {
	folder     string
	deployment string
	verifiers  note.Verifiers
	// known holds the states that somebody else has noted, by origin.
	known map[string][]state
	// logs holds what was read, by origin.
	logs map[string]*log
}

func main() {
	folder := flag.String("log", "", "folder of the log")
	vkey := flag.String("vkey", "", "verifier key")
	remembered := flag.String("remembered", "", "JSON file: an array of signed checkpoints")
	flag.Parse()
	told, err := run(*folder, *vkey, *remembered)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(told)
}

func run(folder, vkey, remembered string) (string, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", err
	}
	var policy struct{ Deployment string }
	if err := readJSON(filepath.Join(folder, "policy.json"), &policy); err != nil {
		return "", err
	}
	j := &judge{folder, policy.Deployment, note.VerifierList(verifier), map[string][]state{}, map[string]*log{}}
	if err := j.remember(remembered); err != nil {
		return "", err
	}
	root, err := j.open("root", j.deployment+"/audit/root")
	if err != nil {
		return "", err
	}
	if err := j.judgeShards(root); err != nil {
		return "", err
	}
	for origin := range j.known {
		if j.logs[origin] == nil {
			return "", fmt.Errorf("%s: noted elsewhere, and not named here", origin)
		}
	}
	entries := 0
	for _, l := range j.logs {
		if err := l.judge(j.known[l.origin]); err != nil {
			return "", fmt.Errorf("%s: %w", l.origin, err)
		}
		entries += len(l.entries)
	}
	return fmt.Sprintf("%d logs, %d entries", len(j.logs), entries), nil
}

// judgeShards opens every log that the root log names, and notes what it says of each.
func (j *judge) judgeShards(root *log) error {
	for i, entry := range root.entries {
		var named struct {
			Origin string
			Root   []byte
			Size   int64
		}
		if err := json.Unmarshal(entry, &named); err != nil {
			return fmt.Errorf("entry %d of the root log: %w", i, err)
		}
		start := j.deployment + "/audit/"
		if !strings.HasPrefix(named.Origin, start) {
			return fmt.Errorf("entry %d of the root log is of %s", i, named.Origin)
		}
		if j.logs[named.Origin] == nil {
			if _, err := j.open("logs/"+named.Origin[len(start):], named.Origin); err != nil {
				return err
			}
		}
		said := state{size: named.Size, by: fmt.Sprintf("entry %d of the root log", i)}
		if copy(said.root[:], named.Root) != len(said.root) {
			return fmt.Errorf("entry %d of the root log has no root", i)
		}
		j.known[named.Origin] = append(j.known[named.Origin], said)
	}
	return nil
}

// remember reads the checkpoints that were noted elsewhere: beside the log, and in the file given.
func (j *judge) remember(file string) error {
	var notes []string
	if file != "" {
		if err := readJSON(file, &notes); err != nil {
			return err
		}
	}
	anchors, err := os.ReadFile(filepath.Join(j.folder, "anchors.jsonl"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, line := range strings.Split(strings.TrimSpace(string(anchors)), "\n") {
		if line == "" {
			continue
		}
		var anchor string
		if err := json.Unmarshal([]byte(line), &anchor); err != nil {
			return err
		}
		notes = append(notes, anchor)
	}
	for _, text := range notes {
		origin, head, err := j.checkpoint([]byte(text))
		if err != nil {
			return fmt.Errorf("a checkpoint noted elsewhere: %w", err)
		}
		head.by = "a checkpoint noted elsewhere"
		j.known[origin] = append(j.known[origin], head)
	}
	return nil
}

func readJSON(file string, into any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
