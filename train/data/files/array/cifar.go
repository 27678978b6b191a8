package array

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// maxCIFARRecords bounds one file; the published ones hold 10,000 or 50,000.
const maxCIFARRecords = 100_000

// cifarPixels is the size of every CIFAR image: red, green and blue planes of
// 32 x 32, row-major.
const cifarPixels = 3 * 32 * 32

// cifarLayout is one version of CIFAR: its files without their ending.
type cifarLayout struct {
	name        string
	train, test []string
	labels      []int  // of the binary version: how many values each label byte may have; the last one is the class
	key         string // of the Python version: the list of labels
	meta        string // of the Python version: the file of class names, and their key
	names       string
}

var cifarLayouts = []cifarLayout{
	{name: "cifar-10", train: []string{"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"},
		test: []string{"test_batch"}, labels: []int{10}, key: "labels", meta: "batches.meta", names: "label_names"},
	{name: "cifar-100", train: []string{"train"}, test: []string{"test"}, labels: []int{20, 100}, key: "fine_labels",
		meta: "meta", names: "fine_label_names"},
}

// find lists the files of one part with an ending, gzip or not; nil when one is
// missing.
func (l cifarLayout) find(all, names []string, ending string) []string {
	var out []string
	for _, name := range names {
		i := slices.IndexFunc(all, func(f string) bool { return strings.TrimSuffix(path.Base(f), ".gz") == name+ending })
		if i < 0 {
			return nil
		}
		out = append(out, all[i])
	}
	return out
}

// CIFARFiles are the files of one version of CIFAR in a folder.
type CIFARFiles struct {
	layout      cifarLayout
	binary      bool
	Name        string // of the well-known data set that the names of the files belong to
	train, test []string
	meta        string
}

// Kind names the version, for messages.
func (f *CIFARFiles) Kind() string {
	if f.binary {
		return "CIFAR files, binary version"
	}
	return "CIFAR files, Python version"
}

// FindCIFAR finds the binary or the Python version of CIFAR among some files; nil
// when its training files are not there.
func FindCIFAR(tree *files.Tree, all []string) *CIFARFiles {
	for _, l := range cifarLayouts {
		for _, ending := range []string{".bin", ""} {
			if train := l.find(all, l.train, ending); train != nil {
				if kind, err := tree.Sniff(train[0]); ending == "" && (err != nil || kind != files.Pickle) {
					continue
				}
				f := &CIFARFiles{layout: l, binary: ending != "", Name: l.name, train: train, test: l.find(all, l.test, ending)}
				if meta := l.find(all, []string{l.meta}, ""); meta != nil {
					f.meta = meta[0]
				}
				return f
			}
		}
	}
	return nil
}

// IsCIFARName reports whether a file has the name of a CIFAR file.
func IsCIFARName(name string) bool {
	stem := strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".gz"), ".bin")
	return slices.ContainsFunc(cifarLayouts, func(l cifarLayout) bool {
		return stem == l.meta || slices.Contains(slices.Concat(l.train, l.test), stem)
	})
}

// Read reads the training part, and the test part when it is there.
func (f *CIFARFiles) Read(tree *files.Tree, a *files.Account) (train, test *files.Part, err error) {
	read := f.readBinary
	if !f.binary {
		read = f.readPickles
	}
	if train, err = read(tree, f.train, a); err != nil || f.test == nil {
		return train, nil, err
	}
	test, err = read(tree, f.test, a)
	return train, test, err
}

// newPart is a part without samples.
func (f *CIFARFiles) newPart(tree *files.Tree, paths []string) *files.Part {
	return &files.Part{Dims: []int{3, 32, 32}, White: 255, Numbered: true,
		Where: func(i int) files.Error {
			return files.Error{Path: tree.At(paths[0]), Place: fmt.Sprintf("record %d of all", i)}
		}}
}

// readBinary reads files of the binary version, one after the other. A record is
// the labels, one byte each, and 3072 bytes of pixels; there is no header.
func (f *CIFARFiles) readBinary(tree *files.Tree, paths []string, a *files.Account) (*files.Part, error) {
	p := f.newPart(tree, paths)
	var numbers []byte
	for i, path := range paths {
		err := tree.Read(path, func(r io.Reader) (err error) {
			numbers, err = decodeCIFAR(r, f.layout.labels, p, numbers)
			return err
		})
		if err != nil {
			return nil, err
		}
		a.Count("CIFAR binary file")
		if i == 0 { // the files are of one size
			p.Bytes = slices.Grow(p.Bytes, len(p.Bytes)*(len(paths)-1))
		}
	}
	addNumbers(p, numbers)
	return p, nil
}

// decodeCIFAR appends the records of one file. Memory grows with the bytes that
// are read.
func decodeCIFAR(r io.Reader, values []int, p *files.Part, numbers []byte) ([]byte, error) {
	record := make([]byte, len(values)+cifarPixels)
	for n := range int64(maxCIFARRecords) {
		offset := n * int64(len(record))
		switch got, err := io.ReadFull(r, record); {
		case errors.Is(err, io.EOF) && n > 0:
			return numbers, nil
		case err != nil:
			return nil, files.At(offset+int64(got), fmt.Errorf("%w (%d of %d bytes of record %d)", files.OrTruncated(err), got,
				len(record), n))
		}
		for i, most := range values {
			if int(record[i]) >= most {
				return nil, files.At(offset+int64(i), fmt.Errorf("%w: label %d of record %d, want 0..%d", files.ErrFormat,
					record[i], n, most-1))
			}
		}
		numbers = append(numbers, record[len(values)-1])
		p.Bytes = append(p.Bytes, record[len(values):]...)
	}
	if _, err := io.ReadFull(r, record[:1]); errors.Is(err, io.EOF) {
		return numbers, nil
	}
	return nil, files.At(maxCIFARRecords*int64(len(record)),
		fmt.Errorf("%w: more than %d records", files.ErrTooLarge, maxCIFARRecords))
}
