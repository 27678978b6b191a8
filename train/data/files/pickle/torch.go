package pickle

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Storage is a piece of memory of a PyTorch file, which lies outside the pickle.
type Storage struct {
	// Key names it in the file.
	Key string
	// Kind is its class in PyTorch, which is the type of its values: FloatStorage.
	Kind string
	// Len is the number of its values, at least 0.
	Len int64
}

// Tensor is a view of a storage: the value at index i, j, ... is value
// Offset + i Strides[0] + j Strides[1] + ... of the storage. Nothing is checked but that there
// are as many strides as dimensions, and no number is negative.
type Tensor struct {
	Storage       *Storage
	Offset        int64
	Dims, Strides []int64
}

// maxDims bounds the dimensions of a tensor.
const maxDims = 16

// storages are those that the pickle refers to, each once.
type storages map[string]*Storage

// torchGlobals are the names that a pickle in a PyTorch file may mention beside globals.
var torchGlobals = map[string]*global{
	"torch._utils._rebuild_tensor_v2": {name: "torch._utils._rebuild_tensor_v2", call: callRebuildTensor},
}

// storageModule is where the classes of storages are.
const storageModule = "torch."

func init() {
	for _, kind := range strings.Fields(`FloatStorage DoubleStorage HalfStorage BFloat16Storage ByteStorage CharStorage
		ShortStorage IntStorage LongStorage BoolStorage`) {
		torchGlobals[storageModule+kind] = &global{name: storageModule + kind}
	}
}

// DecodeTorch reads one pickle of a PyTorch file, and leaves r behind its end. Its errors are
// those of Decode but files.ErrTrailing.
func DecodeTorch(r *bufio.Reader, limit Limits) (any, error) {
	m := &machine{r: r, limit: limit.orDefault(), memo: map[uint64]any{}, torch: &storages{}}
	v, err := m.run()
	if err == nil {
		v, err = m.result(v)
	}
	return v, m.failed(err)
}

// persistent replaces what names a storage, ("storage", torch.FloatStorage, key, device,
// number of values) and in old files None, by the storage.
func (m *machine) persistent() error {
	id, err := m.pop()
	if err != nil {
		return err
	}
	named, ok := id.(*tuple)
	if m.torch == nil || !ok || len(named.items) < 1 {
		return errPersistent
	}
	items := named.items
	if what, _ := text(items[0]); what != "storage" {
		return objectError("a persistent id of " + quoted(what))
	}
	if len(items) == 6 && items[5] != nil {
		return objectError("a view of a storage")
	}
	if len(items) != 5 && len(items) != 6 {
		return errArguments
	}
	class, ok := items[1].(*global)
	key, known := text(items[2])
	n, counted := items[4].(int64)
	if !ok || !known || !counted || n < 0 {
		return errArguments
	}
	kind, ok := strings.CutSuffix(strings.TrimPrefix(class.name, storageModule), "Storage")
	if !ok || class.call != nil {
		return objectError("a storage of type " + class.name)
	}
	s := Storage{Key: key, Kind: kind + "Storage", Len: n}
	if again := (*m.torch)[key]; again != nil {
		if *again != s {
			return fmt.Errorf("%w: storage %s is of two kinds", files.ErrFormat, quoted(key))
		}
		return m.push(again)
	}
	if err := m.charge(costMemo + int64(len(key))); err != nil {
		return err
	}
	(*m.torch)[key] = &s
	return m.make(&s)
}

// callRebuildTensor makes a tensor of (storage, offset, dimensions, strides, whether it has a
// gradient, hooks) and in newer files None or an empty dict.
func callRebuildTensor(m *machine, args []any) (any, error) {
	if len(args) != 6 && len(args) != 7 {
		return nil, errArguments
	}
	s, ok := args[0].(*Storage)
	offset, whole := args[1].(int64)
	dims, first := sizes(args[2])
	strides, second := sizes(args[3])
	_, flag := args[4].(bool)
	if !ok || !whole || !first || !second || !flag || offset < 0 || len(dims) != len(strides) {
		return nil, errArguments
	}
	for _, extra := range args[5:] {
		if d, ok := extra.(*dict); extra != nil && (!ok || len(d.keys) > 0) {
			return nil, objectError("a tensor with hooks or metadata")
		}
	}
	if err := m.charge(int64(16 * len(dims))); err != nil {
		return nil, err
	}
	return &Tensor{Storage: s, Offset: offset, Dims: dims, Strides: strides}, nil
}

// sizes are the numbers of a tuple, none negative.
func sizes(v any) ([]int64, bool) {
	t, ok := v.(*tuple)
	if !ok || len(t.items) > maxDims {
		return nil, false
	}
	out := make([]int64, len(t.items))
	for i, item := range t.items {
		n, ok := item.(int64)
		if !ok || n < 0 {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}
