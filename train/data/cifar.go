package data

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cifarShape is every CIFAR image: red, green and blue planes, row-major.
var cifarShape = Shape{3, 32, 32}

// maxCIFARRecords bounds one file; the published ones hold 10,000 or 50,000.
const maxCIFARRecords = 100_000

// cifarLayout is one binary version of CIFAR. A record is the labels, one byte
// each, and 3072 bytes of pixels; there is no header.
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

// open reads the folder, which holds all training files of the layout.
// Without a task, the data are recognised by the SHA-256 of the decompressed
// training files, one after the other, or by the names of their classes.
func (l cifarLayout) open(dir string, task *Task) (*Dataset, error) {
	train, sum, err := l.read(l.find(dir, l.train))
	if err != nil {
		return nil, err
	}
	if task == nil {
		task = WellKnownTask(known[sum])
		if task == nil && l.named(dir) {
			task = WellKnownTask(l.name)
		}
		if task == nil {
			return nil, fmt.Errorf("open %s: %w", dir, ErrUnknownData)
		}
	}
	ds := &Dataset{Name: task.Name, Task: task, Train: train}
	if files := l.find(dir, l.test); files != nil {
		test, _, err := l.read(files)
		if err != nil {
			return nil, err
		}
		ds.Test = test
	}
	return ds, ds.check(dir)
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

// read concatenates files and hashes their decompressed content.
func (l cifarLayout) read(files []string) (*Bytes, string, error) {
	var pixels []byte
	var labels []int
	sum := sha256.New()
	for i, path := range files {
		err := withFile(path, func(r io.Reader) (err error) {
			pixels, labels, err = l.decode(io.TeeReader(r, sum), pixels, labels)
			return err
		})
		if err != nil {
			return nil, "", err
		}
		if i == 0 { // the files are of one size
			pixels, labels = slices.Grow(pixels, len(pixels)*(len(files)-1)), slices.Grow(labels, len(labels)*(len(files)-1))
		}
	}
	b, err := NewBytes(cifarShape, pixels, labels)
	return b, hex.EncodeToString(sum.Sum(nil)), err
}

// decode appends the records of one file. Memory grows with what really
// arrives.
func (l cifarLayout) decode(r io.Reader, pixels []byte, labels []int) ([]byte, []int, error) {
	record := make([]byte, len(l.labels)+cifarShape.Size())
	for n := range int64(maxCIFARRecords) {
		offset := n * int64(len(record))
		switch got, err := io.ReadFull(r, record); {
		case errors.Is(err, io.EOF) && n > 0:
			return pixels, labels, nil
		case err != nil:
			return nil, nil, at(offset+int64(got), fmt.Errorf("%w (%d of %d bytes of record %d)", orTruncated(err), got, len(record), n))
		}
		for i, values := range l.labels {
			if int(record[i]) >= values {
				return nil, nil, at(offset+int64(i), fmt.Errorf("%w: label %d of record %d, %s has 0..%d", ErrFormat, record[i], n, l.name, values-1))
			}
		}
		labels = append(labels, int(record[len(l.labels)-1]))
		pixels = append(pixels, record[len(l.labels):]...)
	}
	if _, err := io.ReadFull(r, record[:1]); errors.Is(err, io.EOF) {
		return pixels, labels, nil
	}
	return nil, nil, at(maxCIFARRecords*int64(len(record)), fmt.Errorf("%w: more than %d records", ErrTooLarge, maxCIFARRecords))
}
