package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/train/data"
)

// short are settings that make slow methods quick: their results need not be good.
var short = map[string]string{
	"dm": "iterations=6 width=8", "dsa": "iterations=3 width=8", "dc": "iterations=3 width=8",
	"att": "iterations=3 experts=1 max-start=1 cap=3 width=8", "mtt": "iterations=3 experts=1 max-start=1 cap=3 width=8",
	"tesla": "iterations=3 experts=1 max-start=1 cap=3 width=8", "kip": "steps=5 targets=100",
}

// models are the architectures of images; those of tables are mlp, ntk and ridge.
var models = strings.Fields("mlp lenet alexnet convnet3:8 resnet18 ntk:1 ridge")

// documents are verbs that read, and print JSON.
var documents = []string{"data ls", "task ls", "task show glyph-digits", "ls", "models ls", "status", "cost",
	"config show"}

// maker runs the program and keeps what it makes.
type maker struct {
	program, dir string
	made         map[string]string
}

// try runs a verb in the home.
func (m *maker) try(args ...string) (string, error) {
	cmd := exec.Command(m.program, args...)
	cmd.Env = append(os.Environ(), "DISTILLMESH_PATH="+filepath.Join(m.dir, "home"), "DISTILLMESH_KERNEL=avx2")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), err
}

// each runs verbs one after the other.
func (m *maker) each(verbs ...[]string) error {
	for _, v := range verbs {
		if _, err := m.try(v...); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) all() error {
	table := filepath.Join(m.dir, "table.csv")
	if err := os.WriteFile(table, tableText(), 0o600); err != nil {
		return err
	}
	err := m.each(
		[]string{"init"},
		[]string{"data", "add", data.GlyphPath},
		[]string{"data", "split", "glyph-digits", "--iid", "--clients", "40", "--part", "1"},
		[]string{"task", "new", "table", "--from", table},
		[]string{"data", "add", table, "--task", "table"})
	if err != nil {
		return err
	}
	names := []string{"glyph-digits.iid.1of40", "table"}
	if dir := os.Getenv("DISTILLMESH_DATA"); dir != "" {
		names = append(names, "mnist.iid.1of200")
		err := m.each([]string{"data", "add", filepath.Join(dir, "mnist")},
			[]string{"data", "split", "mnist", "--iid", "--clients", "200", "--part", "1"})
		if err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := m.sets(name); err != nil {
			return err
		}
	}
	if err := m.models("glyph-digits", m.made["set glyph-digits.iid.1of40 random 0"], models); err != nil {
		return err
	}
	if err := m.models("table", m.made["set table gmm 0"], []string{"mlp", "ntk:1", "ridge"}); err != nil {
		return err
	}
	return m.documents()
}

// sets makes a set by every method and two seeds. What a method refuses is its
// result.
func (m *maker) sets(name string) error {
	for _, method := range registry.Methods() {
		for _, seed := range []string{"0", "1"} {
			args := []string{"distill", name, "--method", method.Name(), "--seed", seed}
			for _, option := range strings.Fields(short[method.Name()]) {
				args = append(args, "--option", option)
			}
			cid, err := m.try(args...)
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() == 2 {
				cid, err = "refused", nil
			}
			if err != nil {
				return err
			}
			m.made[strings.Join([]string{"set", name, method.Name(), seed}, " ")] = cid
			fmt.Fprintf(os.Stderr, "%s by %s, seed %s: %s\n", name, method.Name(), seed, cid)
		}
	}
	return nil
}

// models trains each architecture for a few steps on one set.
func (m *maker) models(task, set string, names []string) error {
	for _, name := range names {
		out, err := m.try("train", "--task", task, "--set", set, "--model", name, "--epochs", "1", "--min-steps", "3",
			"--max-steps", "3", "--batch", "10", "--json")
		if err != nil {
			return err
		}
		var doc struct {
			CID string `json:"cid"`
		}
		if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.CID == "" {
			return fmt.Errorf("train %s on %s: no CID in %s: %w", name, task, out, err)
		}
		m.made["model "+task+" "+name] = doc.CID
		fmt.Fprintf(os.Stderr, "%s of %s: %s\n", name, task, doc.CID)
	}
	return nil
}

// varies is what differs between two homes: the node's id, its port, seconds, the
// sizes of files of a database, and the list of sets whose order follows time.
var varies = regexp.MustCompile(`12D3Koo\w+|"[^"]*(?:port|listen|store_bytes|bytes_used|seconds|time|since)":\s*[^,\n]*|"[0-9]{4,5}"`)

// documents digests the documents of the verbs that read.
func (m *maker) documents() error {
	for _, verb := range documents {
		out, err := m.try(append(strings.Fields(verb), "--json")...)
		if err != nil {
			return err
		}
		out = strings.ReplaceAll(varies.ReplaceAllString(out, "-"), m.dir, "DIR")
		sum := sha256.Sum256([]byte(out))
		m.made["document "+verb] = hex.EncodeToString(sum[:])
	}
	return nil
}

// tableText is a table of three classes: two features that tell them apart, and one
// that does not.
func tableText() []byte {
	var b bytes.Buffer
	b.WriteString("length,width,noise,kind\n")
	rng := data.Stream(0, "golden-table")
	for i := range 90 {
		k := i % 3
		fmt.Fprintf(&b, "%.3f,%.3f,%.3f,%s\n", float64(k)+rng.NormFloat64()/4, 2-float64(k)+rng.NormFloat64()/4,
			rng.NormFloat64(), []string{"red", "green", "blue"}[k])
	}
	return b.Bytes()
}
