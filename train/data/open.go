package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Errors of Open.
var (
	ErrNoData      = errors.New("no data set found")
	ErrUnknownData = errors.New("not a data set this program recognises")
)

// known names the task of a training image file, or of all five of CIFAR-10 one
// after the other, by the SHA-256 of the decompressed content.
var known = map[string]string{
	"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db": "mnist",
	"a0181da372c0d63a5920fdbea2ec3f83ecbc552d378218e1cb473cf634941a3b": "cifar-10",
	"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888": "fashion-mnist",
}

// GlyphPath is the path that stands for the built-in digits.
const GlyphPath = "builtin:glyph-digits"

// Open reads the data set at path: GlyphPath, or a folder of IDX files or of
// CIFAR's binary files (or one of those files). Its task is recognised from the content of well-known
// files; any other data needs a task, since a shape alone decides nothing.
// task may be nil.
func Open(path string, task *Task) (*Dataset, error) {
	if path == GlyphPath {
		return GlyphDigits(), nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	dir := path
	if !info.IsDir() {
		dir = filepath.Dir(path)
	}
	if _, _, err := pair(dir, "train"); err == nil {
		return openIDX(dir, task)
	}
	for _, l := range cifarLayouts {
		if l.find(dir, l.train) != nil {
			return l.open(dir, task)
		}
	}
	return openIDX(dir, task) // which says what is missing
}

func openIDX(dir string, task *Task) (*Dataset, error) {
	images, labels, err := pair(dir, "train")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	train, err := readPair(images, labels)
	if err != nil {
		return nil, err
	}
	if task == nil {
		if task = WellKnownTask(known[train.fingerprint()]); task == nil {
			return nil, fmt.Errorf("open %s: %w", dir, ErrUnknownData)
		}
	}
	ds := &Dataset{Name: task.Name, Task: task, Train: train}
	if images, labels, err = pair(dir, "t10k"); err == nil {
		test, err := readPair(images, labels)
		if err != nil {
			return nil, err
		}
		ds.Test = test
	}
	return ds, ds.check(dir)
}

// check tells early, and by file, what Load would refuse later.
func (d *Dataset) check(dir string) error {
	for part, src := range map[string]Source{"training": d.Train, "test": d.Test} {
		if b, ok := src.(*Bytes); !ok || b == nil {
			continue
		}
		if src.Shape() != d.Task.Shape {
			return fmt.Errorf("open %s: %s images are %v, task %s wants %v", dir, part, src.Shape(), d.Task.Name, d.Task.Shape)
		}
		for i, y := range src.Labels() {
			if y >= len(d.Task.Classes) {
				return fmt.Errorf("open %s: %s label %d is %d, task %s has %d classes", dir, part, i, y, d.Task.Name, len(d.Task.Classes))
			}
		}
	}
	return nil
}

// pair finds the image and label file of one part.
func pair(dir, part string) (images, labels string, err error) {
	find := func(kind string) string {
		for _, sep := range []string{"-", "."} {
			for _, end := range []string{"", ".gz"} {
				p := filepath.Join(dir, part+"-"+kind[:6]+sep+kind[6:]+"-ubyte"+end)
				if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
					return p
				}
			}
		}
		return ""
	}
	images, labels = find("imagesidx3"), find("labelsidx1")
	if images == "" || labels == "" {
		return "", "", fmt.Errorf("%w: want %s-images-idx3-ubyte and %s-labels-idx1-ubyte, gzip or not, or CIFAR's .bin files", ErrNoData, part, part)
	}
	return images, labels, nil
}

func readPair(images, labels string) (*Bytes, error) {
	shape, pixels, err := readIDXImages(images)
	if err != nil {
		return nil, err
	}
	y, err := readIDXLabels(labels)
	if err != nil {
		return nil, err
	}
	if n := len(pixels) / shape.Size(); n != len(y) {
		return nil, &FileError{Path: labels, Offset: 4, Err: fmt.Errorf("%w: %d labels for %d images", ErrFormat, len(y), n),
			Hint: "the label file belongs to other images"}
	}
	return NewBytes(shape, pixels, y)
}

// fingerprint is the SHA-256 of the decompressed IDX image file that b was
// read from.
func (b *Bytes) fingerprint() string {
	h := sha256.New()
	for _, v := range []int{idxImages, len(b.labels), b.shape.H, b.shape.W} {
		binary.Write(h, binary.BigEndian, uint32(v)) // a hash never fails
	}
	h.Write(b.pixels)
	return hex.EncodeToString(h.Sum(nil))
}
