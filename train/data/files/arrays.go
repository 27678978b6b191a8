package files

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// arrayNames are the arrays of samples, labels, and of the test part, as
// Keras, MedMNIST, scikit-learn and others call them; case does not matter.
var arrayNames = [][4]string{
	{"x_train", "y_train", "x_test", "y_test"},
	{"train_images", "train_labels", "test_images", "test_labels"},
	{"train_x", "train_y", "test_x", "test_y"},
	{"train_data", "train_labels", "test_data", "test_labels"},
	{"images", "labels"},
	{"x", "y"},
	{"data", "target"},
	{"data", "labels"},
	{"features", "labels"},
	{"arr_0", "arr_1"},
}

// Arrays reads samples and labels from an .npz archive, or from the .npy files
// of a folder, gzip or not. test is nil when there is no test part.
func Arrays(path string) (train, test *Part, err error) {
	store, err := openArrays(path)
	if err != nil {
		return nil, nil, named(path, err)
	}
	defer store.close()
	for _, names := range arrayNames {
		x, y := store.find(names[0]), store.find(names[1])
		if x == "" || y == "" {
			continue
		}
		if train, err = store.part(x, y); err != nil {
			return nil, nil, err
		}
		test, err = store.testPart(names[2], names[3])
		return train, test, err
	}
	var known []string
	for _, names := range arrayNames {
		known = append(known, names[0]+" and "+names[1])
	}
	return nil, nil, &Error{Path: path, Place: Whole, Err: fmt.Errorf("%w: no samples and labels among the arrays %s", ErrFormat, joined(store.names)),
		Hint: "save them as one of: " + strings.Join(known, "; ")}
}

// HasArrays reports whether a folder holds samples and labels as .npy files.
func HasArrays(dir string) bool {
	store, err := openFolder(dir)
	return err == nil && slices.ContainsFunc(arrayNames, func(n [4]string) bool { return store.find(n[0]) != "" && store.find(n[1]) != "" })
}

// IsArrayName reports whether a path is of an array that Arrays looks for in a
// folder.
func IsArrayName(path string) bool {
	name, ok := strings.CutSuffix(strings.TrimSuffix(filepath.Base(path), ".gz"), ".npy")
	return ok && slices.ContainsFunc(arrayNames, func(n [4]string) bool {
		return slices.ContainsFunc(n[:], func(known string) bool { return strings.EqualFold(known, name) })
	})
}

// arrayStore is where named arrays lie.
type arrayStore struct {
	path  string
	names []string // of the arrays, in order
	open  func(name string) (io.ReadCloser, error)
	close func() error
}

func openArrays(path string) (*arrayStore, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openFolder(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	store, err := openArchive(f, info.Size())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	store.path, store.close = path, f.Close
	return store, nil
}

// openArchive looks into an .npz archive, which is a zip of .npy files.
func openArchive(f io.ReaderAt, size int64) (*arrayStore, error) {
	var head [2]byte
	if _, err := f.ReadAt(head[:], 0); err == nil && bytes.Equal(head[:], gzipMagic) {
		r, err := ungzip(io.NewSectionReader(f, 0, size))
		if err != nil {
			return nil, err
		}
		all, err := io.ReadAll(&bounded{r: r, left: maxBytes})
		if err != nil {
			return nil, at(int64(len(all)), orTruncated(err))
		}
		f, size = bytes.NewReader(all), int64(len(all))
	}
	z, err := zip.NewReader(f, size)
	if err != nil {
		return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: %w", ErrFormat, err)}
	}
	store := &arrayStore{close: func() error { return nil }}
	entries := map[string]*zip.File{}
	for _, e := range z.File {
		name, ok := strings.CutSuffix(e.Name, ".npy")
		if !ok {
			continue
		}
		if entries[name] != nil {
			return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: array %s is there twice", ErrFormat, quoted(name))}
		}
		entries[name] = e
		store.names = append(store.names, name)
	}
	store.open = func(name string) (io.ReadCloser, error) { return entries[name].Open() }
	return store, nil
}

// openFolder looks for .npy files in a folder.
func openFolder(dir string) (*arrayStore, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	store := &arrayStore{path: dir, close: func() error { return nil }}
	paths := map[string]string{}
	for _, e := range entries {
		name, ok := strings.CutSuffix(strings.TrimSuffix(e.Name(), ".gz"), ".npy")
		if !ok || paths[name] != "" {
			continue
		}
		paths[name] = filepath.Join(dir, e.Name())
		store.names = append(store.names, name)
	}
	store.open = func(name string) (io.ReadCloser, error) {
		f, err := os.Open(paths[name])
		if err != nil {
			return nil, err
		}
		r, err := ungzip(f)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return struct {
			io.Reader
			io.Closer
		}{r, f}, nil
	}
	return store, nil
}

// find is the name of an array as the store spells it; empty when it has none.
func (s *arrayStore) find(name string) string {
	i := slices.IndexFunc(s.names, func(n string) bool { return name != "" && strings.EqualFold(n, name) })
	if i < 0 {
		return ""
	}
	return s.names[i]
}

func (s *arrayStore) read(name string) (*array, error) {
	r, err := s.open(name)
	if err != nil {
		return nil, s.inside(name, err)
	}
	a, err := decodeNumPy(&bounded{r: r, left: maxBytes + maxNumPyHeader})
	return a, s.inside(name, errors.Join(err, r.Close()))
}

// inside names the array in an error.
func (s *arrayStore) inside(name string, err error) error {
	if err == nil {
		return nil
	}
	var inner *Error
	if !errors.As(err, &inner) {
		inner = &Error{Place: Whole, Err: err}
	}
	out := *inner
	switch out.Place {
	case "":
		out.Place = fmt.Sprintf("array %s, byte %d", name, out.Offset)
	case Whole:
		out.Place = "array " + name
	default:
		out.Place = "array " + name + ", " + out.Place
	}
	return named(s.path, &out)
}

// testPart reads the test part; nil when neither of its arrays is there.
func (s *arrayStore) testPart(x, y string) (*Part, error) {
	for _, pair := range [][2]string{{x, y}, {y, x}} {
		if there := s.find(pair[0]); there != "" && s.find(pair[1]) == "" {
			return nil, s.inside(there, &Error{Place: Whole, Err: fmt.Errorf("%w: half a test part, there is no array %s", ErrFormat, pair[1]),
				Hint: "save both, or leave this one out: some of the training samples are held out then"})
		}
	}
	if s.find(x) == "" {
		return nil, nil
	}
	return s.part(s.find(x), s.find(y))
}

// part reads samples and their labels.
func (s *arrayStore) part(x, y string) (*Part, error) {
	samples, err := s.read(x)
	if err != nil {
		return nil, err
	}
	labels, err := s.read(y)
	if err != nil {
		return nil, err
	}
	n := samples.dims[0]
	p := &Part{Dims: samples.dims[1:], Bytes: samples.bytes, Values: samples.values, How: fmt.Sprintf("arrays %s %v and %s", x, samples.dims, y)}
	if len(p.Dims) == 0 || p.Size() > maxSide {
		return nil, s.inside(x, &Error{Place: Whole, Err: fmt.Errorf("%w: samples of %v", ErrFormat, samples.dims), Hint: "the first dimension counts samples: want N,F or N,H,W or N,H,W,C or N,C,H,W"})
	}
	count := len(labels.bytes) + len(labels.values)
	if count != n || labels.dims[0] != n {
		return nil, s.inside(y, &Error{Place: Whole, Err: fmt.Errorf("%w: labels of %v for %d samples", ErrFormat, labels.dims, n), Hint: "want one whole number a sample; of one-hot rows save the arg-max"})
	}
	if err := p.label(labels); err != nil {
		return nil, s.inside(y, err)
	}
	p.Where = func(i int) Error { return Error{Path: s.path, Place: fmt.Sprintf("sample %d of array %s", i, x)} }
	return p, nil
}

// label turns whole numbers into labels, named as they are written.
func (p *Part) label(a *array) error {
	seen := map[int]int{}
	for i := range a.dims[0] {
		var v float64
		if a.bytes != nil {
			v = float64(a.bytes[i])
		} else {
			v = float64(a.values[i])
		}
		if v != math.Trunc(v) || math.Abs(v) > 1<<24 {
			return &Error{Place: fmt.Sprintf("value %d", i), Err: fmt.Errorf("%w: %v is no whole number below 2^24", ErrLabel, v), Hint: "labels are the numbers of the classes"}
		}
		k, ok := seen[int(v)]
		if !ok {
			if k = len(seen); k == maxClasses {
				return &Error{Place: fmt.Sprintf("value %d", i), Err: fmt.Errorf("%w: more than %d different ones", ErrLabel, maxClasses), Hint: "labels are the numbers of the classes"}
			}
			seen[int(v)] = k
			p.Names = append(p.Names, strconv.Itoa(int(v)))
		}
		p.Labels = append(p.Labels, k)
	}
	return nil
}
