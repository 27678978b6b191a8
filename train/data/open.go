package data

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Errors of Open.
var (
	ErrNoData      = errors.New("no data set found")
	ErrUnknownData = errors.New("not a data set this program recognises")
)

// Formats are the kinds of data that Open reads, as help texts list them.
const Formats = "IDX or CIFAR binary files, a CSV table, .npz or .npy arrays, a folder of PNG or JPEG files for each class"

// known names the task of a training image file, or of all five of CIFAR-10 one
// after the other, by the SHA-256 of the decompressed content.
var known = map[string]string{
	"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db": "mnist",
	"a0181da372c0d63a5920fdbea2ec3f83ecbc552d378218e1cb473cf634941a3b": "cifar-10",
	"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888": "fashion-mnist",
}

// GlyphPath is the path that stands for the built-in digits.
const GlyphPath = "builtin:glyph-digits"

// Reading says how a user's own data are read, where they leave it open; its
// zero value reads what needs no saying.
type Reading struct {
	Label  string   `json:"label,omitempty"`  // of a table: the column of labels, by name or number from 1; empty to guess
	Drop   []string `json:"drop,omitempty"`   // of a table: columns to leave out
	Header string   `json:"header,omitempty"` // of a table: "yes", "no" or empty to guess
	// Scale is the value of white in images from tables and arrays, at least
	// every value; 0 for 1 when no value to train on is above 1, else 255.
	Scale  float64 `json:"scale,omitempty"`
	Resize bool    `json:"resize,omitempty"` // resample pictures of another size; without a task, than that of most
}

// CheckScale checks a value for white, which 0 is not.
func CheckScale(white float64) error {
	if v := float32(white); !(v > 0) || math.IsInf(float64(v), 0) {
		return fmt.Errorf("white is %g, want a number above 0", white)
	}
	return nil
}

// Open reads the data set at path: GlyphPath, or data in one of the Formats,
// gzip or not. Its task is recognised from the content of well-known files; any
// other data needs a task, since a shape alone decides nothing. task may be nil.
func Open(path string, task *Task) (*Dataset, error) { return Reading{}.Open(path, task) }

// Open reads the data set at path like the function Open, as r says.
func (r Reading) Open(path string, task *Task) (*Dataset, error) {
	if path == GlyphPath {
		return GlyphDigits(), nil
	}
	var want Shape
	if task != nil {
		want = task.Shape
	}
	c, err := r.find(path, want)
	if err != nil {
		return nil, err
	}
	if task == nil {
		if task = c.known; task == nil {
			return nil, fmt.Errorf("open %s: %w", path, ErrUnknownData)
		}
	}
	return c.bind(task, r)
}

// contents is what a path holds, before a task gives it meaning.
type contents struct {
	path        string
	train, test *files.Part
	known       *Task // when recognised
}

// find recognises the format of a path and reads it. want is the shape that
// pictures are brought to; its zero value leaves them as they are.
func (r Reading) find(path string, want Shape) (*contents, error) {
	if r.Scale != 0 {
		if err := CheckScale(r.Scale); err != nil {
			return nil, (&contents{path: path}).whole(err, "say what white is with --scale, such as 255, or 16 for scikit-learn's digits")
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		switch kindOf(path) {
		case "table":
			return r.table(path, "")
		case "archive":
			return arrays(path)
		case "array":
			if files.IsArrayName(path) {
				return arrays(filepath.Dir(path))
			}
			return nil, fmt.Errorf("open %s: %w: it is not called like one of samples or labels, such as x_train.npy and y_train.npy", path, ErrNoData)
		case "picture":
			return nil, fmt.Errorf("open %s: %w: give the folder that has a folder a class", path, ErrNoData)
		}
		return oneOfMany(path)
	}
	return r.folder(path, want)
}

// oneOfMany reads the IDX or CIFAR files beside one of them.
func oneOfMany(path string) (*contents, error) {
	name := strings.TrimSuffix(filepath.Base(path), ".gz")
	if !isIDXName(name) && !isCIFARName(name) {
		return nil, fmt.Errorf("open %s: %w: no reader for %s", path, ErrNoData, cmp.Or(filepath.Ext(name), "files without an ending, but those of IDX"))
	}
	c, err := idxOrCIFAR(filepath.Dir(path))
	if c == nil && err == nil {
		return nil, fmt.Errorf("open %s: %w: the other files of it are not beside it", path, ErrNoData)
	}
	return c, err
}

// idxOrCIFAR opens the IDX or CIFAR files of a folder; nil when it has none.
func idxOrCIFAR(dir string) (*contents, error) {
	if images, labels := idxPair(dir, "train"); labels != "" {
		return openIDX(dir, images, labels)
	}
	for _, l := range cifarLayouts {
		if l.find(dir, l.train) != nil {
			return l.open(dir)
		}
	}
	return nil, nil
}

func (r Reading) folder(dir string, want Shape) (*contents, error) {
	if c, err := idxOrCIFAR(dir); c != nil || err != nil {
		return c, err
	}
	if files.HasArrays(dir) {
		return arrays(dir)
	}
	if files.HasPictures(dir) {
		return pictures(dir, files.PictureOptions{Channels: want.C, Height: want.H, Width: want.W, Resize: r.Resize})
	}
	return r.loose(dir)
}

// loose opens the only table or archive of a folder, or train.csv beside test.csv.
func (r Reading) loose(dir string) (*contents, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	parts := map[string]string{}
	var found []string
	for _, e := range entries {
		kind := kindOf(e.Name())
		if kind != "table" && kind != "archive" || strings.EqualFold(filepath.Ext(e.Name()), ".txt") {
			continue
		}
		found = append(found, e.Name())
		stem, _, _ := strings.Cut(e.Name(), ".")
		if kind == "table" {
			parts[strings.ToLower(stem)] = filepath.Join(dir, e.Name())
		}
	}
	switch {
	case parts["train"] != "":
		return r.table(parts["train"], parts["test"])
	case len(found) == 1:
		return r.find(filepath.Join(dir, found[0]), Shape{})
	case len(found) > 1:
		return nil, fmt.Errorf("open %s: %w: it holds %s: name one of them", dir, ErrNoData, strings.Join(found[:min(len(found), 5)], ", "))
	}
	return nil, fmt.Errorf("open %s: %w: want %s", dir, ErrNoData, Formats)
}

// kindOf tells by its name which reader a file is for.
func kindOf(path string) string {
	switch ext := strings.ToLower(filepath.Ext(strings.TrimSuffix(path, ".gz"))); {
	case slices.Contains([]string{".csv", ".tsv", ".data", ".txt"}, ext):
		return "table"
	case ext == ".npz":
		return "archive"
	case ext == ".npy":
		return "array"
	case slices.Contains([]string{".png", ".jpg", ".jpeg"}, ext):
		return "picture"
	}
	return ""
}

// table reads one table a part; test may be empty.
func (r Reading) table(train, test string) (c *contents, err error) {
	opt := files.TableOptions{Label: r.Label, Drop: r.Drop, Header: r.Header}
	c = &contents{path: train}
	if c.train, err = files.Table(train, opt); err == nil && test != "" {
		opt.Like = c.train
		c.test, err = files.Table(test, opt)
	}
	return c, err
}

func arrays(path string) (c *contents, err error) {
	c = &contents{path: path}
	c.train, c.test, err = files.Arrays(path)
	return c, err
}

func pictures(dir string, opt files.PictureOptions) (c *contents, err error) {
	if opt.Channels != 1 && opt.Channels != 3 {
		opt.Channels = 0 // no picture has as many; a task checks it later
	}
	if !opt.Resize {
		opt.Height, opt.Width = 0, 0 // any size that all of them have; a task checks it later
	}
	c = &contents{path: dir}
	c.train, c.test, err = files.Pictures(dir, opt)
	return c, err
}

func openIDX(dir, images, labels string) (*contents, error) {
	train, err := files.IDX(images, labels)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	if err := train.WriteIDXImages(sum); err != nil {
		return nil, err
	}
	c := &contents{path: dir, train: train, known: WellKnownTask(known[hex.EncodeToString(sum.Sum(nil))])}
	if images, labels = idxPair(dir, "t10k"); labels != "" {
		c.test, err = files.IDX(images, labels)
	}
	return c, err
}

// isIDXName reports whether a file, gzip aside, is one that idxPair finds.
func isIDXName(name string) bool {
	name = strings.Replace(name, ".idx", "-idx", 1)
	for _, part := range []string{"train", "t10k"} {
		if name == part+"-images-idx3-ubyte" || name == part+"-labels-idx1-ubyte" {
			return true
		}
	}
	return false
}

// idxPair finds the image and label file of one part; empty unless both are
// there.
func idxPair(dir, part string) (images, labels string) {
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
		return "", ""
	}
	return images, labels
}
