package pickle

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
)

func TestCodeAndObjectsAreRefusedByName(t *testing.T) {
	for _, c := range []struct{ pickle, name string }{
		{"cos\nsystem\n(S'id'\ntR.", `"os.system"`},
		{"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", `"posix.system"`},
		{"(S'id'\nios\nsystem\n.", `"os.system"`},
		{"(cos\nsystem\nS'id'\no.", `"os.system"`},
		{"c__builtin__\neval\n(S'1'\ntR.", `"__builtin__.eval"`},
		{"ccopy_reg\n_reconstructor\n.", `"copy_reg._reconstructor"`},
		{"ccollections\nOrderedDict\n)\x81.", "collections.OrderedDict"},
		{"ccollections\nOrderedDict\n)}\x92.", "collections.OrderedDict"},
		{"(cnumpy\nndarray\no.", "numpy.ndarray"},
		{"cnumpy\nndarray\n)R.", "numpy.ndarray"},
		{"cnumpy\ndtype\n.", "numpy.dtype"},
		{"P1\n.", "persistent id"},
		{"NQ.", "persistent id"},
		{"ctorch._utils\n_rebuild_tensor_v2\n.", "torch._utils._rebuild_tensor_v2"},
		{"\x82\x01.", "extension registry"},
		{"}}b.", "a state of its own"},
		{"})R.", "no function"},
	} {
		_, err := Decode(strings.NewReader(c.pickle), Limits{})
		if !errors.Is(err, ErrObject) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%q: %v, want ErrObject that names %s", c.pickle, err, c.name)
		}
		var e *files.Error
		if !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%q: no hint in %v", c.pickle, err)
		}
	}
}

// nested is a pickle of n values, each of which holds the one before twice.
func nested(open, add string, n int) string {
	return "]q\x00" + strings.Repeat("0"+open+"(h\x00h\x00"+add+"q\x00", n) + "."
}

func TestHostilePicklesEndInAnErrorWithoutMuchMemory(t *testing.T) {
	const limit = 1 << 20
	for what, c := range map[string]struct {
		pickle string
		cause  error
	}{
		"a list in itself":                 {"]q\x00h\x00a.", files.ErrFormat},
		"a dict in itself":                 {"}q\x00K\x01h\x00s.", files.ErrFormat},
		"a tuple in itself through a list": {"]q\x00h\x00\x85a.", files.ErrFormat},
		"lists that double":                {nested("]", "e", 50), files.ErrTooLarge},
		"tuples that double":               {nested("", "t", 50), files.ErrTooLarge},
		"dicts that double":                {nested("}", "u", 50), files.ErrTooLarge},
		"deep lists":                       {nested("]", "e", 100000), files.ErrTooLarge},
		"a long text that is not there":    {"X\xff\xff\xff\x7fabc", files.ErrTooLarge},
		"a longer text that is not there":  {"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc", files.ErrTooLarge},
		"bytes that are not there":         {"B\x00\x00\x01\x00abc", files.ErrTruncated},
		"a long number":                    {"\x8b\xff\xff\xff\x7f\x00", files.ErrTooLarge},
		"a negative length":                {"\x8b\xff\xff\xff\xff\x00", files.ErrTooLarge},
		"a number of 9 bytes":              {"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00.", files.ErrTooLarge},
		"many values":                      {"]" + strings.Repeat("N", 1<<16) + ".", files.ErrTooLarge},
		"many containers":                  {strings.Repeat("]", 1<<16) + ".", files.ErrTooLarge},
		"many places in the memo":          {"N" + strings.Repeat("\x94", 1<<16) + ".", files.ErrTooLarge},
		"a copied value that is large": {"T\x00\x00\x04\x00" + strings.Repeat("x", 1<<18) + "q\x00](" +
			strings.Repeat("h\x00", 100) + "e\x86.", files.ErrTooLarge},
		"a line without an end":      {"S'" + strings.Repeat("x", 2<<20), files.ErrTooLarge},
		"values without a container": {"K\x01a.", files.ErrFormat},
		"nothing":                    {".", files.ErrFormat},
		"values left over":           {"NN.", files.ErrFormat},
		"a mark left over":           {"(N.", files.ErrFormat},
		"bytes after the end":        {"N.N", files.ErrTrailing},
		"a protocol to come":         {"\x80\x06N.", files.ErrFormat},
		"an unknown instruction":     {"\x00", files.ErrFormat},
		"a value that is not there":  {"h\x07.", files.ErrFormat},
		"half a pair":                {"}(Nu.", files.ErrFormat},
		"values outside":             {"\x97.", files.ErrFormat},
		"a text that is not UTF-8":   {"X\x01\x00\x00\x00\xff.", files.ErrFormat},
		"an array without values": {"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR.",
			files.ErrFormat},
		"an array of records": {"cnumpy\ndtype\n(U\x02V8K\x00K\x01tR.", files.ErrFormat},
		"a type built twice": {"cnumpy\ndtype\n(U\x02i4tR(K\x03U\x01<NNNJ\xff\xff\xff\xff" +
			"J\xff\xff\xff\xffK\x00tq\x01bh\x01b.", files.ErrFormat},
		"a number that is a slice of Python's": {"I1_0\n.", files.ErrFormat},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(strings.NewReader(c.pickle), Limits{Bytes: limit})
		runtime.ReadMemStats(&after)
		if !errors.Is(err, c.cause) {
			t.Errorf("%s: %v, want %v", what, err, c.cause)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 6*limit {
			t.Errorf("%s: %d bytes allocated, want at most %d", what, took, 6*limit)
		}
	}
}

func TestStepsAndDepthAreBounded(t *testing.T) {
	deep := strings.Repeat("(", 10) + "N" + strings.Repeat("t", 10) + "."
	if _, err := Decode(strings.NewReader(deep), Limits{Depth: 10}); err != nil {
		t.Error(err)
	}
	if _, err := Decode(strings.NewReader(deep), Limits{Depth: 9}); !errors.Is(err, files.ErrTooLarge) {
		t.Errorf("depth 10: %v, want ErrTooLarge", err)
	}
	if _, err := Decode(strings.NewReader(deep), Limits{Steps: 21}); !errors.Is(err, files.ErrTooLarge) {
		t.Errorf("22 steps: %v, want ErrTooLarge", err)
	}
}

func TestAFaultOfTheReaderIsTold(t *testing.T) {
	fault := errors.New("disk on fire")
	for _, head := range []string{"", "]", "N.", "X\x05\x00\x00\x00a", "S'a"} {
		_, err := Decode(io.MultiReader(strings.NewReader(head), faulty{fault}), Limits{})
		if !errors.Is(err, fault) {
			t.Errorf("after %q: %v", head, err)
		}
	}
}

type faulty struct{ err error }

func (f faulty) Read([]byte) (int, error) { return 0, f.err }

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"cifar10", "cifar100", "plain", "arrays"} {
		for protocol := range 6 {
			b := golden(f, name, protocol)
			f.Add(b)
			for i := 0; i < len(b); i += 97 {
				changed := bytes.Clone(b)
				changed[i] ^= 1 << (i % 8)
				f.Add(changed)
			}
		}
	}
	f.Add([]byte(nested("]", "e", 5)))
	f.Add([]byte("(dp0\nS'a'\nL12L\ns."))
	f.Add([]byte("cos\nsystem\n(S'id'\ntR."))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := allocated()
		v, err := Decode(bytes.NewReader(b), Limits{Bytes: 1 << 22, Steps: 1 << 16})
		if took := allocated() - before; took > 1<<25 {
			t.Fatalf("%d bytes allocated", took)
		}
		if err != nil {
			var e *files.Error
			if !errors.As(err, &e) || e.Hint == "" {
				t.Fatalf("an error without a hint: %v", err)
			}
			return
		}
		if n := count(t, v); n > 1<<17 {
			t.Fatalf("%d values", n)
		}
	})
}

// allocated is how many bytes this process has allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// count walks a result as users do and counts its values.
func count(t *testing.T, v any) (n int) {
	each := func(items []any) {
		for _, item := range items {
			n += count(t, item)
		}
	}
	switch v := v.(type) {
	case nil, bool, int64, float64, string, []byte:
	case []any:
		each(v)
	case Tuple:
		each(v)
	case Set:
		each(v)
	case *Dict:
		if len(v.Keys) != len(v.Values) {
			t.Fatalf("%d keys of %d values", len(v.Keys), len(v.Values))
		}
		each(v.Keys)
		each(v.Values)
	case *Array:
		size := v.Width()
		for _, d := range v.Dims {
			size *= d
		}
		if size != len(v.Data) {
			t.Fatalf("%d bytes of %s %v", len(v.Data), v.DType, v.Dims)
		}
	default:
		t.Fatalf("a value of type %T", v)
	}
	return n + 1
}
