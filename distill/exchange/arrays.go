package exchange

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/array"
	"github.com/distillmesh/distillmesh/train/data/files/pickle"
	"github.com/distillmesh/distillmesh/train/data/files/torch"
)

// arrays are those of a file, of which only images and labels are read.
type arrays struct {
	*reading
	path  string
	kind  string
	alone bool // the file is one of labels, and has no images
	names []string
	reads map[string]func() (*array.Numbers, error)
}

func (a *arrays) add(name string, read func() (*array.Numbers, error)) {
	if a.reads == nil {
		a.reads = map[string]func() (*array.Numbers, error){}
	}
	if a.reads[name] == nil {
		a.names = append(a.names, name)
	}
	a.reads[name] = read
}

// pass notes what is not read.
func (a *arrays) pass(name string) {
	a.account.Skip("values that are neither images nor labels", name)
}

// addedWords are words that names of distilled images and labels have beside the usual ones.
var addedWords = strings.Fields("syn synthetic distilled condensed soft hard best final proto prototypes")

// plainName is a name without such words: image_syn is image.
func plainName(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("_-. ", r) })
	words = slices.DeleteFunc(words, func(w string) bool { return slices.Contains(addedWords, strings.ToLower(w)) })
	return strings.Join(words, "_")
}

// pick reads the images and labels among the arrays.
func (a *arrays) pick() (*found, error) {
	out := &found{kind: a.kind}
	images, labels := a.opt.Images, a.opt.LabelArray
	var err error
	if images == "" && !a.alone {
		if images, err = a.only("images", "--images", array.HoldsSamples); err != nil {
			return nil, err
		}
	}
	if labels == "" {
		if labels, err = a.only("labels", "--label-array", array.HoldsLabels); err != nil {
			return nil, err
		}
	}
	if len(a.names) == 1 {
		if a.alone {
			labels = a.names[0]
		} else {
			images = a.names[0]
		}
	}
	for _, name := range a.names {
		if name != images && name != labels {
			a.pass(name)
		}
	}
	if a.alone && labels == "" || !a.alone && images == "" {
		return nil, wrong(a.path, ErrNames, "name them with --images NAME and --label-array NAME",
			"no array is called like images or labels among %s", files.Joined(a.names))
	}
	if out.images, err = a.read(images); err != nil {
		return nil, err
	}
	if labels == images {
		return out, nil
	}
	out.labels, err = a.read(labels)
	return out, err
}

// only is the one array that has a usual name of some kind; empty for none. Among several, a soft
// one is meant, or one that names the kind.
func (a *arrays) only(kind, flag string, holds func(string) bool) (string, error) {
	var all []string
	for _, name := range a.names {
		if holds(plainName(name)) {
			all = append(all, name)
		}
	}
	for _, word := range []string{"soft", kind[:len(kind)-1]} {
		some := slices.DeleteFunc(slices.Clone(all), func(n string) bool {
			return !strings.Contains(strings.ToLower(n), word)
		})
		if len(all) > 1 && len(some) == 1 {
			a.account.Assume("arrays", flag, "%s are array %s, of %s", kind, some[0], files.Joined(all))
			return some[0], nil
		}
	}
	switch len(all) {
	case 0:
		return "", nil
	case 1:
		return all[0], nil
	}
	return "", wrong(a.path, ErrNames, "say which with "+flag, "%s could be any of %s", kind, files.Joined(all))
}

// read reads one of the arrays; nil for an empty name.
func (a *arrays) read(name string) (*array.Numbers, error) {
	if name == "" {
		return nil, nil
	}
	read := a.reads[name]
	if read == nil {
		return nil, wrong(a.path, ErrNames, "the file has "+files.Joined(a.names), "there is no array %s",
			files.Quoted(name))
	}
	n, err := read()
	return n, caused(a.path, ErrFormat, err)
}

// torch reads a file of PyTorch: a tensor alone, named tensors, images and labels in this order, or
// the runs of the code of DC, DSA and DM, {"data": [[images, labels], ...]}.
func (a *arrays) torch(r io.ReaderAt, size int64) (*found, error) {
	f, err := torch.Read(r, size, torch.Limits{})
	if err != nil {
		return nil, caused(a.path, ErrFormat, err)
	}
	a.kind = "PyTorch file"
	if err := a.collect(f.Value); err != nil {
		return nil, err
	}
	out, err := a.pick()
	if err != nil {
		return nil, err
	}
	out.record, err = readRecord(f.Extra)
	if err != nil {
		a.account.Warn("record", "", "what this program noted in %s is not used: %v", a.path, err)
	}
	return out, nil
}

// Names of arrays that have none.
const (
	imagesName = "images"
	labelsName = "labels"
)

// collect finds the arrays in what was saved.
func (a *arrays) collect(v any) error {
	if run, err := a.run(v); run != nil || err != nil {
		return a.pairOr(run, err)
	}
	switch v := v.(type) {
	case *torch.Tensor, *pickle.Array:
		a.addValue(imagesName, v)
		return nil
	case *pickle.Dict:
		for i, key := range v.Keys {
			name := fmt.Sprint(key)
			if b, ok := key.([]byte); ok {
				name = string(b)
			}
			value := v.Values[i]
			run, err := a.run(value)
			if err != nil {
				return err
			}
			if run != nil && array.HoldsSamples(plainName(name)) {
				return a.pairOr(run, nil)
			}
			a.addValue(name, value)
		}
		return nil
	}
	if pair := items(v); len(pair) == 2 && isArray(pair[0]) {
		return a.pairOr(pair, nil)
	}
	return wrong(a.path, ErrNames, "save one tensor of images, or a dict of images and labels",
		"it holds neither a tensor, nor named ones, nor images and labels")
}

// pairOr adds images and labels.
func (a *arrays) pairOr(pair []any, err error) error {
	if err != nil {
		return err
	}
	a.addValue(imagesName, pair[0])
	a.addValue(labelsName, pair[1])
	return nil
}

// run is the images and labels of one of several sets, in a list of pairs; nil when it is none.
func (a *arrays) run(v any) ([]any, error) {
	all := items(v)
	for _, one := range all {
		if pair := items(one); len(pair) != 2 || !isArray(pair[0]) || !isArray(pair[1]) {
			return nil, nil
		}
	}
	switch n := len(all); {
	case n == 0:
		return nil, nil
	case a.opt.Item > n, n > 1 && a.opt.Item == 0:
		return nil, wrong(a.path, ErrNames, fmt.Sprintf("choose one with --item 1 to %d", n), "it holds %d sets", n)
	}
	a.several = true
	return items(all[max(a.opt.Item, 1)-1]), nil
}

// items are those of a list or tuple; nil for anything else.
func items(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case pickle.Tuple:
		return v
	}
	return nil
}

func isArray(v any) bool {
	switch v := v.(type) {
	case *torch.Tensor:
		return len(v.Dims) > 0
	case *pickle.Array:
		return len(v.Dims) > 0
	}
	return false
}

// addValue adds a tensor, an array or a list of whole numbers, and passes over anything else.
func (a *arrays) addValue(name string, v any) {
	switch v := v.(type) {
	case *torch.Tensor:
		if isArray(v) {
			a.add(name, func() (*array.Numbers, error) { return array.NumbersOf(name, v.DType, v.Dims, false, v.Data) })
			return
		}
	case *pickle.Array:
		if isArray(v) {
			a.add(name, func() (*array.Numbers, error) {
				return array.NumbersOf(name, v.DType, v.Dims, v.Fortran, v.Data)
			})
			return
		}
	}
	if all := items(v); len(all) > 0 {
		n := &array.Numbers{Name: name, DType: "<i8", Dims: []int{len(all)}}
		for _, one := range all {
			if k, ok := one.(int64); ok {
				n.Doubles = append(n.Doubles, float64(k))
			}
		}
		if len(n.Doubles) == len(all) {
			a.add(name, func() (*array.Numbers, error) { return n, nil })
			return
		}
	}
	a.pass(name)
}
