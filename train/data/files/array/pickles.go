package array

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"path"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/pickle"
)

// Pickled reads the parts of a pickle: a dict of arrays by name, or pairs of
// samples and labels for training, (validation) and testing, in this order.
// Nothing in it is executed.
func Pickled(tree *files.Tree, name string, opt Options, a *files.Account) (train, test *files.Part, err error) {
	v, err := unpickle(tree, name)
	if err != nil {
		return nil, nil, err
	}
	all, passed, err := named(v)
	if err != nil {
		return nil, nil, files.Named(tree.At(name), err)
	}
	for _, key := range passed {
		a.Skip("values of the dict that are no arrays", key)
	}
	a.Count("Python pickle")
	return inMemory(tree.At(name), "Python pickle", all).parts(opt, a)
}

func unpickle(tree *files.Tree, name string) (v any, err error) {
	err = tree.Read(name, func(r io.Reader) error {
		v, err = pickle.Decode(files.Bounded(r, files.MaxBytes), pickle.Limits{Bytes: files.MaxBytes})
		return err
	})
	return v, err
}

const pickleHint = "want a dict of arrays by name, or pairs of samples and labels"

// named lists the arrays of an unpickled value, and the names of all else.
func named(v any) (out []*values, passed []string, err error) {
	if d, ok := v.(*pickle.Dict); ok {
		for i, key := range d.Keys {
			name, ok := textKey(key)
			if !ok {
				passed = append(passed, fmt.Sprint(key))
				continue
			}
			one, err := valuesIn(name, d.Values[i])
			if err != nil {
				return nil, nil, err
			}
			if one == nil {
				passed = append(passed, name)
				continue
			}
			out = append(out, one)
		}
		return out, passed, nil
	}
	pairs := items(v)
	if len(pairs) == 2 && len(items(pairs[0])) != 2 {
		pairs = []any{v}
	}
	parts := map[int][]string{1: {""}, 2: {"_train", "_test"}, 3: {"_train", "_valid", "_test"}}[len(pairs)]
	for i, part := range parts {
		pair := items(pairs[i])
		if len(pair) != 2 {
			parts = nil
			break
		}
		for j, role := range []string{"x", "y"} {
			one, err := valuesIn(role+part, pair[j])
			if err != nil {
				return nil, nil, err
			}
			if one == nil {
				return nil, nil, &files.Error{Place: files.Whole,
					Err: fmt.Errorf("%w: item %d of pair %d is no array", files.ErrFormat, j, i), Hint: pickleHint}
			}
			out = append(out, one)
		}
	}
	if parts == nil {
		return nil, nil, &files.Error{Place: files.Whole,
			Err: fmt.Errorf("%w: a pickle of other things", files.ErrFormat), Hint: pickleHint}
	}
	return out, passed, nil
}

// items are the items of a list or tuple; nil for anything else.
func items(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case pickle.Tuple:
		return v
	}
	return nil
}

func textKey(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return "", false
}

// valuesIn is the array in an unpickled array or list, nested or not, of numbers
// or texts; nil for anything else.
func valuesIn(name string, v any) (*values, error) {
	if a, ok := v.(*pickle.Array); ok {
		if len(a.Dims) == 0 {
			return nil, nil
		}
		out, err := valuesOf(name, a.DType, a.Dims, a.Fortran, a.Data)
		if err != nil {
			return nil, place(name, err)
		}
		return out, nil
	}
	all := items(v)
	if len(all) == 0 {
		return nil, nil
	}
	out := &values{name: name}
	if !out.flatten(all, 0) {
		return nil, nil
	}
	return out, nil
}

// place names an array in an error.
func place(name string, err error) error {
	var inner *files.Error
	if !errors.As(err, &inner) {
		return err
	}
	out := *inner
	out.Place = strings.TrimSuffix("array "+name+", "+strings.TrimPrefix(out.Place, files.Whole), ", ")
	return &out
}

// flatten appends nested lists of one shape; false when they are something else.
func (v *values) flatten(all []any, depth int) bool {
	if depth == len(v.dims) {
		if v.len() > 0 || depth == maxDims {
			return false
		}
		v.dims = append(v.dims, len(all))
	}
	if v.dims[depth] != len(all) {
		return false
	}
	for _, one := range all {
		switch one := one.(type) {
		case int64:
			v.doubles = append(v.doubles, float64(one))
		case float64:
			v.doubles = append(v.doubles, one)
		case bool:
			v.doubles = append(v.doubles, map[bool]float64{true: 1}[one])
		case string:
			v.text = append(v.text, one)
		case []byte:
			v.text = append(v.text, string(one))
		case *big.Int:
			return false
		default:
			if inner := items(one); len(inner) == 0 || !v.flatten(inner, depth+1) {
				return false
			}
			continue
		}
		if depth+1 != len(v.dims) || v.doubles != nil && v.text != nil {
			return false
		}
	}
	return true
}

// readPickles reads files of the Python version, one after the other: dicts of
// data, [N, 3072] uint8, and a list of labels.
func (f *CIFARFiles) readPickles(tree *files.Tree, paths []string, a *files.Account) (*files.Part, error) {
	p := f.newPart(tree, paths)
	var numbers []byte
	for _, name := range paths {
		v, err := unpickle(tree, name)
		if err != nil {
			return nil, err
		}
		if numbers, err = f.addPickle(p, v, numbers); err != nil {
			return nil, files.Named(tree.At(name), err)
		}
		a.Count("CIFAR file of the Python version")
	}
	addNumbers(p, numbers)
	return p, nil
}

// addPickle appends the samples of one file.
func (f *CIFARFiles) addPickle(p *files.Part, v any, numbers []byte) ([]byte, error) {
	wrong := func(format string, args ...any) error {
		return &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: %s", files.ErrFormat, fmt.Sprintf(format, args...)),
			Hint: "want a dict of data, [N, 3072] bytes, and " + f.layout.key}
	}
	all, _, err := named(v)
	if err != nil {
		return nil, err
	}
	get := func(name string) *values {
		if i := slices.IndexFunc(all, func(v *values) bool { return v.name == name }); i >= 0 {
			return all[i]
		}
		return nil
	}
	data, labels := get("data"), get(f.layout.key)
	switch {
	case data == nil || labels == nil:
		return nil, wrong("no data and %s in it", f.layout.key)
	case data.bytes == nil || len(data.dims) != 2 || data.dims[1] != cifarPixels:
		return nil, wrong("data of %v and type %s", data.dims, data.dtype)
	case labels.text != nil || len(labels.dims) != 1 || labels.dims[0] != data.dims[0]:
		return nil, wrong("%d labels for %d images", labels.len(), data.dims[0])
	}
	classes := f.layout.labels[len(f.layout.labels)-1]
	for i := range labels.len() {
		y := labels.at(i)
		if y < 0 || y >= float64(classes) || y != float64(int(y)) {
			return nil, wrong("label %d is %g, want 0..%d", i, y, classes-1)
		}
		numbers = append(numbers, byte(y))
	}
	p.Bytes = append(p.Bytes, data.bytes...)
	return numbers, nil
}

// ClassNames lists the class names stored beside the files; nil when there are
// none.
func (f *CIFARFiles) ClassNames(tree *files.Tree, all []string) []string {
	if f.meta != "" && !f.binary {
		v, err := unpickle(tree, f.meta)
		if err != nil {
			return nil
		}
		if d, ok := v.(*pickle.Dict); ok {
			if list, ok := d.Get(f.layout.names); ok {
				if names, err := valuesIn("names", list); err == nil && names != nil {
					return names.text
				}
			}
		}
		return nil
	}
	for _, name := range all {
		if base := path.Base(name); base == "fine_label_names.txt" || base == "batches.meta.txt" {
			const most = 1 << 16
			if text, err := tree.Bytes(name, most); err == nil {
				return strings.Fields(string(text))
			}
		}
	}
	return nil
}
