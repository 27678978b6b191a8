package torch

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/pickle"
)

// kind is a type of values.
type kind struct {
	dtype string // as NumPy writes it
	width int    // bytes of a value in the file
}

// kinds are the types of storages.
var kinds = map[string]kind{
	"FloatStorage": {"<f4", 4}, "DoubleStorage": {"<f8", 8}, "HalfStorage": {"<f2", 2}, "BFloat16Storage": {"<f4", 2},
	"ByteStorage": {"|u1", 1}, "CharStorage": {"|i1", 1}, "ShortStorage": {"<i2", 2}, "IntStorage": {"<i4", 4},
	"LongStorage": {"<i8", 8}, "BoolStorage": {"|b1", 1},
}

const bfloat16 = "BFloat16Storage"

// view is a tensor to be copied out of its storage.
type view struct {
	from *pickle.Tensor
	kind kind
	n    int // values
	into *Tensor
}

// content is the tensors of a file, by storage.
type content struct {
	limit   Limits
	tensors int
	bytes   int64 // of tensors
	stored  int64 // of storages
	views   map[*pickle.Storage][]*view
	done    map[any]any // what was built, by what it was built of
}

func newContent(limit Limits) *content {
	return &content{limit: limit, views: map[*pickle.Storage][]*view{}, done: map[any]any{}}
}

// storages are those of the tensors, by key.
func (c *content) storages() map[string]*pickle.Storage {
	out := map[string]*pickle.Storage{}
	for s := range c.views {
		out[s.Key] = s
	}
	return out
}

// build replaces the tensors in an unpickled value by those that will hold their values, and
// checks each against its storage. Containers are those of package pickle, which bounds their depth.
func (c *content) build(v any) (any, error) {
	switch v := v.(type) {
	case *pickle.Tensor:
		if again := c.done[v]; again != nil {
			return again, nil
		}
		t, err := c.add(v)
		c.done[v] = t
		return t, err
	case []any:
		return c.buildAll(v)
	case pickle.Tuple:
		items, err := c.buildAll(v)
		return pickle.Tuple(items), err
	case pickle.Set:
		items, err := c.buildAll(v)
		return pickle.Set(items), err
	case *pickle.Dict:
		if again := c.done[v]; again != nil {
			return again, nil
		}
		keys, err := c.buildAll(v.Keys)
		if err != nil {
			return nil, err
		}
		values, err := c.buildAll(v.Values)
		out := &pickle.Dict{Keys: keys, Values: values}
		c.done[v] = out
		return out, err
	}
	return v, nil
}

func (c *content) buildAll(items []any) ([]any, error) {
	out := make([]any, len(items))
	for i, item := range items {
		var err error
		if out[i], err = c.build(item); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// add checks a tensor, makes the one that will hold its values, and notes it to be copied.
func (c *content) add(t *pickle.Tensor) (*Tensor, error) {
	k, known := kinds[t.Storage.Kind]
	if !known {
		return nil, wrong("a storage of type %s", t.Storage.Kind)
	}
	if c.tensors++; c.tensors > c.limit.Tensors {
		return nil, tooLarge("more than %d tensors", c.limit.Tensors)
	}
	if t.Storage.Len > c.limit.Bytes/int64(k.width) {
		return nil, tooLarge("a storage of %d values, want at most %d bytes", t.Storage.Len, c.limit.Bytes)
	}
	n, err := within(t)
	if err != nil {
		return nil, fmt.Errorf("a tensor of %v with strides %v from value %d of a storage of %d: %w", t.Dims, t.Strides,
			t.Offset, t.Storage.Len, err)
	}
	// No value is there twice, so that no tensor is larger than its storage.
	if c.bytes += n * int64(max(k.width, widthOf(k.dtype))); c.bytes > c.limit.Bytes {
		return nil, tooLarge("tensors of more than %d bytes together", c.limit.Bytes)
	}
	if c.views[t.Storage] == nil {
		if c.stored += t.Storage.Len * int64(k.width); c.stored > c.limit.Bytes {
			return nil, tooLarge("storages of more than %d bytes together", c.limit.Bytes)
		}
	}
	out := &Tensor{DType: k.dtype, Dims: make([]int, len(t.Dims))}
	for i, d := range t.Dims {
		out.Dims[i] = int(d)
	}
	c.views[t.Storage] = append(c.views[t.Storage], &view{t, k, int(n), out})
	return out, nil
}

// widthOf is the number of bytes of a value of a type of NumPy's.
func widthOf(dtype string) int { return int(dtype[2] - '0') }

var (
	errOutside = fmt.Errorf("%w: it reaches beyond its storage", files.ErrFormat)
	errOverlap = fmt.Errorf("%w: some of its values are the same place of its storage, as after expand", files.ErrFormat)
)

// within counts the values of a tensor. It fails unless every one lies in the storage, at a
// place of its own: sorted by stride, each dimension steps over all that the smaller ones reach.
func within(t *pickle.Tensor) (int64, error) {
	if t.Offset > t.Storage.Len {
		return 0, errOutside
	}
	if slices.Contains(t.Dims, 0) {
		for _, d := range t.Dims {
			if d > files.MaxSide {
				return 0, tooLarge("a dimension of %d", d)
			}
		}
		return 0, nil
	}
	var axes []int
	for i, d := range t.Dims {
		if d > 1 {
			axes = append(axes, i)
		}
	}
	slices.SortFunc(axes, func(a, b int) int { return cmp.Compare(t.Strides[a], t.Strides[b]) })
	n, reach, left := int64(1), int64(0), t.Storage.Len-t.Offset
	if left < 1 {
		return 0, errOutside
	}
	for _, i := range axes {
		d, stride := t.Dims[i], t.Strides[i]
		switch {
		case stride <= reach:
			return 0, errOverlap
		case d-1 > (left-1-reach)/stride:
			return 0, errOutside
		}
		n, reach = n*d, reach+(d-1)*stride
	}
	return n, nil
}

// fill gives all tensors of a storage their values; content is the storage.
func (c *content) fill(s *pickle.Storage, content []byte, bigEndian bool) {
	width := kinds[s.Kind].width
	if bigEndian {
		reverse(content, width)
	}
	for _, v := range c.views[s] {
		if v.into.Data = v.copied(content); s.Kind == bfloat16 {
			v.into.Data = widen(v.into.Data)
		}
	}
}

// copied are the values of a tensor in row-major order.
func (v *view) copied(content []byte) []byte {
	width, t := v.kind.width, v.from
	out := make([]byte, 0, v.n*width)
	if v.n == 0 {
		return out
	}
	place, from := make([]int64, len(t.Dims)), t.Offset
	for range v.n {
		at := int(from) * width
		out = append(out, content[at:at+width]...)
		for d := len(t.Dims) - 1; d >= 0; d-- {
			from += t.Strides[d]
			if place[d]++; place[d] < t.Dims[d] {
				break
			}
			from -= t.Dims[d] * t.Strides[d]
			place[d] = 0
		}
	}
	return out
}

// reverse turns the bytes of each value around.
func reverse(content []byte, width int) {
	for one := range slices.Chunk(content, width) {
		slices.Reverse(one)
	}
}

// widen turns values of bfloat16, the upper halves of float32, into float32.
func widen(content []byte) []byte {
	out := make([]byte, 0, 2*len(content))
	for one := range slices.Chunk(content, 2) {
		out = binary.LittleEndian.AppendUint32(out, uint32(binary.LittleEndian.Uint16(one))<<16)
	}
	return out
}
