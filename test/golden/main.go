// Command golden makes sets by every method, models of every architecture and the
// documents of the verbs that read, and compares them with those written down in
// golden.txt: CIDs for what travels, SHA-256 for documents without what differs
// between two homes. The AVX2 kernels make them, so that all amd64 processors that
// have them agree. Rows of MNIST need DISTILLMESH_DATA and are left out, and said, without.
//
//	go run ./test/golden [-update] [-program PATH]
//
// A change that moves a row on purpose updates golden.txt in a commit that names
// the cause of each row.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// recordPath is where results are written down, from the top of the repository.
const recordPath = "test/golden/golden.txt"

func main() {
	update := flag.Bool("update", false, "write down what was made")
	program := flag.String("program", "", "the program to run (default: built from here)")
	flag.Parse()
	if err := run(*program, *update); err != nil {
		fmt.Fprintln(os.Stderr, "golden:", err)
		os.Exit(1)
	}
}

func run(program string, update bool) error {
	dir, err := os.MkdirTemp("", "golden")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if program == "" {
		program = filepath.Join(dir, "distillmesh")
		if out, err := exec.Command("go", "build", "-o", program, "./cmd/distillmesh").CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w: %s", err, out)
		}
	}
	m := &maker{program: program, dir: dir, made: map[string]string{}}
	if err := m.all(); err != nil {
		return err
	}
	if update {
		return m.write()
	}
	return m.compare()
}

// write writes down what was made.
func (m *maker) write() error {
	var b bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(m.made)) {
		fmt.Fprintf(&b, "%s\t%s\n", key, m.made[key])
	}
	fmt.Printf("%d rows written to %s\n", len(m.made), recordPath)
	return os.WriteFile(recordPath, b.Bytes(), 0o644)
}

// compare holds what was made against what is written down.
func (m *maker) compare() error {
	recorded, err := readRecord()
	if err != nil {
		return err
	}
	equal, other := 0, 0
	for _, key := range slices.Sorted(maps.Keys(m.made)) {
		want, ok := recorded[key]
		if !ok && strings.HasPrefix(key, "demo of ") { // as many runs as this machine had time for
			fmt.Printf("not written down: %s is %s\n", key, m.made[key])
			continue
		}
		if want != m.made[key] {
			other++
			fmt.Printf("differs: %s is %s, was %s\n", key, m.made[key], want)
			continue
		}
		equal++
	}
	left := 0
	for key := range recorded {
		if _, ok := m.made[key]; !ok {
			left++
		}
	}
	fmt.Printf("%d rows equal, %d differ, %d not made", equal, other, left)
	if left > 0 && os.Getenv("DISTILLMESH_DATA") == "" {
		fmt.Print(" (set DISTILLMESH_DATA for those of MNIST)")
	}
	fmt.Println()
	if other > 0 {
		return fmt.Errorf("%d rows differ", other)
	}
	return nil
}

func readRecord() (map[string]string, error) {
	f, err := os.Open(recordPath)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), "\t")
		if !ok {
			return nil, fmt.Errorf("%s: %q is no row", recordPath, lines.Text())
		}
		out[key] = value
	}
	return out, lines.Err()
}
