package data

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// cifarLayout is one binary version of CIFAR.
type cifarLayout struct {
	name        string // also of its well-known task
	train, test []string
	labels      []int  // how many values each label byte may have; the last one is the class
	names       string // file with the class names, which recognises the data; may be empty
}

var cifarLayouts = []cifarLayout{
	{name: "cifar-10", train: []string{"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"},
		test: []string{"test_batch"}, labels: []int{10}},
	{name: "cifar-100", train: []string{"train"}, test: []string{"test"}, labels: []int{20, 100}, names: "fine_label_names.txt"},
}

// find lists the files of one part, gzip or not; nil when one is missing.
func (l cifarLayout) find(dir string, names []string) []string {
	var out []string
	for _, name := range names {
		for _, end := range []string{".bin", ".bin.gz"} {
			p := filepath.Join(dir, name+end)
			if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
				out = append(out, p)
				break
			}
		}
	}
	if len(out) < len(names) {
		return nil
	}
	return out
}

// isCIFARName reports whether a file, gzip aside, is one of a layout.
func isCIFARName(name string) bool {
	stem, ok := strings.CutSuffix(name, ".bin")
	return ok && slices.ContainsFunc(cifarLayouts, func(l cifarLayout) bool { return slices.Contains(l.train, stem) || slices.Contains(l.test, stem) })
}

// open reads the folder, which holds all training files of the layout. The data
// are recognised by the SHA-256 of the decompressed training files, one after
// the other, or by the names of their classes.
func (l cifarLayout) open(dir string) (*contents, error) {
	sum := sha256.New()
	train, err := files.CIFAR(l.find(dir, l.train), l.labels, sum)
	if err != nil {
		return nil, err
	}
	c := &contents{path: dir, train: train, known: WellKnownTask(known[hex.EncodeToString(sum.Sum(nil))])}
	if c.known == nil && l.named(dir) {
		c.known = WellKnownTask(l.name)
	}
	if found := l.find(dir, l.test); found != nil {
		c.test, err = files.CIFAR(found, l.labels, io.Discard)
	}
	return c, err
}

// named reports whether the names file beside the data lists the classes of
// the well-known task in their order.
func (l cifarLayout) named(dir string) bool {
	if l.names == "" {
		return false
	}
	f, err := os.Open(filepath.Join(dir, l.names))
	if err != nil {
		return false
	}
	defer f.Close()
	const most = 1 << 16
	text, err := io.ReadAll(io.LimitReader(f, most))
	return err == nil && slices.Equal(strings.Fields(string(text)), WellKnownTask(l.name).Classes)
}
