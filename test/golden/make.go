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

// study is a simulation small enough to run here: coresets, solved labels and
// FedAvg, on a network and in closed form.
const study = "simulate --data builtin:glyph-digits --clients 2 --ring 5 --ipc 1 --seeds 2 --steps 20 --no-bound " +
	"--model lenet,ntk:1 --method random,gmm,label-solve,fedavg:rounds=1:epochs=1 --validation 0.05"

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
	if err := m.documents(documents...); err != nil {
		return err
	}
	if err := m.documents(m.more(table)...); err != nil {
		return err
	}
	return m.demo()
}

// more are verbs that read what was made.
func (m *maker) more(table string) []string {
	model := m.made["model glyph-digits lenet"]
	return []string{
		"show " + m.made["set glyph-digits.iid.1of40 dm 0"], "show " + m.made["set table gmm 0"], "show " + model,
		"models show " + model, "models eval " + model, "models eval " + m.made["model table ridge"],
		"data show table", "data check " + table, "gather --explain --task table",
		study + " -o " + filepath.Join(m.dir, "study"),
	}
}

// demo runs the demo. Its table depends on how many iterations and runs this
// machine had time for, which its rows name.
func (m *maker) demo() error {
	out, err := m.try("demo", "--dir", filepath.Join(m.dir, "demo"), "--json")
	if err != nil {
		return err
	}
	var doc struct {
		Why, Model string
		Sets       []string
		Results    []map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		return err
	}
	iterations := regexp.MustCompile(`(\d+) iterations`).FindStringSubmatch(doc.Why)
	if iterations == nil {
		return fmt.Errorf("demo: no iterations in %q", doc.Why)
	}
	key := "demo of " + iterations[1] + " iterations: "
	m.made[key+"model"] = doc.Model
	m.made[key+"sets"] = digest(strings.Join(doc.Sets, " "))
	for _, row := range doc.Results {
		consumer := string(row["consumer"])
		for column, raw := range row {
			var score struct{ Mean, N float64 }
			if json.Unmarshal(raw, &score) == nil && score.N > 0 {
				m.made[fmt.Sprintf("%s%s %s, %.0f runs", key, strings.Trim(consumer, `"`), column,
					score.N)] = fmt.Sprint(score.Mean)
			}
		}
	}
	return nil
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
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
var varies = regexp.MustCompile(`12D3Koo\w+|` +
	`"[^"]*(?:port|listen|store_bytes|bytes_used|seconds|rss_mib|time|since)":\s*[^,\n]*|` +
	`"[0-9]{4,5}"`)

// documents digests the documents of the verbs that read.
func (m *maker) documents(verbs ...string) error {
	for _, verb := range verbs {
		out, err := m.try(append(strings.Fields(verb), "--json")...)
		if err != nil {
			return err
		}
		out = strings.ReplaceAll(varies.ReplaceAllString(out, "-"), m.dir, "DIR")
		m.made["document "+strings.ReplaceAll(verb, m.dir, "DIR")] = digest(out)
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
