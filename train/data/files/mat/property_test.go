package mat

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/distillmesh/distillmesh/train/data/files"
)

func header(order, version string) []byte {
	b := bytes.Repeat([]byte(" "), 124)
	copy(b, "MATLAB 5.0 MAT-file")
	return append(append(b, version...), order...)
}

// writer writes files as MATLAB does, by the description of the format.
type writer struct {
	r     *rand.Rand
	order binary.AppendByteOrder
}

// part is one element: small in the tag where that is allowed and chance says so.
func (w writer) part(kind uint32, data []byte) []byte {
	if n := len(data); n > 0 && n <= 4 && w.r.IntN(2) == 0 {
		return append(w.order.AppendUint32(nil, uint32(n)<<16|kind), append(bytes.Clone(data), make([]byte, 4-n)...)...)
	}
	out := w.order.AppendUint32(w.order.AppendUint32(nil, kind), uint32(len(data)))
	return append(append(out, data...), make([]byte, -len(data)&7)...)
}

func (w writer) ints(kind uint32, v ...int) []byte {
	var out []byte
	for _, i := range v {
		out = w.order.AppendUint32(out, uint32(i))
	}
	return w.part(kind, out)
}

// matrix is an array with the parts that follow its name.
func (w writer) matrix(name string, class, flags int, dims []int, parts ...[]byte) []byte {
	body := slices.Concat(w.ints(6, flags|class, 0), w.ints(5, dims...), w.part(1, []byte(name)), slices.Concat(parts...))
	out := w.order.AppendUint32(w.order.AppendUint32(nil, 14), uint32(len(body)))
	return append(out, body...)
}

func (w writer) top(matrix []byte) []byte {
	if w.r.IntN(2) == 0 {
		return matrix
	}
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(matrix)
	z.Close()
	return append(w.order.AppendUint32(w.order.AppendUint32(nil, 15), uint32(b.Len())), b.Bytes()...)
}

// variable is a random array as it is written, and as it must be read.
func (w writer) variable(name string, depth int) ([]byte, []Variable) {
	dims := []int{w.r.IntN(4), 1 + w.r.IntN(3)}
	if w.r.IntN(3) == 0 {
		dims = append(dims, 1+w.r.IntN(3))
	}
	n := 1
	for _, d := range dims {
		n *= d
	}
	v := Variable{Name: name, Dims: dims}
	kinds := 5
	if depth > 0 {
		kinds = 7
	}
	switch w.r.IntN(kinds) {
	default:
		return w.numbers(v, n)
	case 3:
		return w.text(v)
	case 4:
		v.Class, v.Skipped = "double", "complex numbers"
		data := w.part(2, make([]byte, n))
		return w.matrix(name, 6, 0x800, dims, data, data), []Variable{v}
	case 5:
		v.Class = "cell"
		var parts []byte
		for range n {
			b, cells := w.variable("", 0)
			parts, v.Cells = append(parts, b...), append(v.Cells, cells...)
		}
		v.Text = texts(v.Cells)
		return w.matrix(name, 1, 0, dims, parts), []Variable{v}
	case 6:
		const length = 5
		fields := []string{"a", "bb", "f4_x"}[:1+w.r.IntN(3)]
		var names, parts []byte
		var all []Variable
		for _, f := range fields {
			names = append(names, append([]byte(f), make([]byte, length-len(f))...)...)
			b, vars := w.variable(name+"."+f, depth-1)
			parts, all = append(parts, b...), append(all, vars...)
		}
		return w.matrix(name, 2, 0, []int{1, 1}, w.ints(5, length), w.part(1, names), parts), all
	}
}

// texts are those of cells that hold nothing else.
func texts(cells []Variable) (out []string) {
	for _, c := range cells {
		if c.Class != "char" || len(c.Text) > 1 {
			return nil
		}
		out = append(out, append(c.Text, "")[0])
	}
	return out
}

func (w writer) numbers(v Variable, n int) ([]byte, []Variable) {
	stores := []struct {
		kind  uint32
		name  string
		width int
	}{{1, "i1", 1}, {2, "u1", 1}, {3, "i2", 2}, {4, "u2", 2}, {5, "i4", 4}, {6, "u4", 4}, {7, "f4", 4}, {9, "f8",
		8}, {12, "i8", 8}, {13, "u8", 8}}
	store := stores[w.r.IntN(len(stores))]
	class, flags := 6+w.r.IntN(10), 0
	v.Class = strings.Fields("double single int8 uint8 int16 uint16 int32 uint32 int64 uint64")[class-6]
	if w.r.IntN(6) == 0 {
		v.Class, flags = "logical", 0x200
	}
	v.Data = make([]byte, n*store.width)
	for i := range v.Data {
		v.Data[i] = byte(w.r.Uint32())
	}
	switch v.DType = "|"; {
	case store.width > 1 && w.order == binary.AppendByteOrder(binary.BigEndian):
		v.DType = ">"
	case store.width > 1:
		v.DType = "<"
	}
	v.DType += store.name
	return w.matrix(v.Name, class, flags, v.Dims, w.part(store.kind, v.Data)), []Variable{v}
}

// text is of one row of any characters, or of several rows of which each is
// filled up with spaces.
func (w writer) text(v Variable) ([]byte, []Variable) {
	v.Class = "char"
	rows, cols := 1+w.r.IntN(3), 1+w.r.IntN(5)
	grid := make([]rune, rows*cols)
	for i := range grid {
		grid[i] = []rune("aZé€")[w.r.IntN(4)]
	}
	if rows == 1 && w.r.IntN(2) == 0 {
		grid[0] = '😀'
	}
	for i := range rows {
		row := make([]rune, cols)
		for j := range cols {
			row[j] = grid[i+j*rows]
		}
		v.Text = append(v.Text, string(row))
	}
	v.Dims = []int{rows, cols}
	var data []byte
	kind := []uint32{4, 16, 17, 18}[w.r.IntN(4)]
	switch kind {
	case 16:
		data = []byte(string(grid))
	case 18:
		for _, c := range grid {
			data = w.order.AppendUint32(data, uint32(c))
		}
	default:
		for _, u := range utf16.Encode(grid) {
			data = w.order.AppendUint16(data, u)
		}
	}
	return w.matrix(v.Name, 4, 0, v.Dims, w.part(kind, data)), []Variable{v}
}

func randomFile(seed uint64) ([]byte, []Variable) {
	w := writer{r: rand.New(rand.NewPCG(seed, 2)), order: binary.LittleEndian}
	out := header("IM", "\x00\x01")
	if seed%2 == 1 {
		w.order = binary.BigEndian
		out = header("MI", "\x01\x00")
	}
	var all []Variable
	for i := range w.r.IntN(5) {
		b, vars := w.variable(string(rune('a'+i))+"_name", 3)
		out, all = append(out, w.top(b)...), append(all, vars...)
	}
	return out, all
}

func TestWhatIsWrittenIsReadInEveryDialect(t *testing.T) {
	for seed := range uint64(3000) {
		b, want := randomFile(seed)
		got, err := Decode(bytes.NewReader(b), Limits{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d:\ngot  %+v\nwant %+v", seed, got, want)
		}
	}
}

func TestHostileFilesEndInAnErrorWithoutMuchMemory(t *testing.T) {
	w := writer{r: rand.New(rand.NewPCG(1, 1)), order: binary.LittleEndian}
	file := func(parts ...[]byte) []byte { return append(header("IM", "\x00\x01"), slices.Concat(parts...)...) }
	deep := w.matrix("", 6, 0, []int{1, 1}, w.part(2, []byte{1}))
	for range 40 {
		deep = w.matrix("", 1, 0, []int{1, 1}, deep)
	}
	var bomb bytes.Buffer
	z := zlib.NewWriter(&bomb)
	z.Write(append(slices.Concat([]byte("\x0e\x00\x00\x00\xf0\xff\xff\xff"), w.ints(6, 9, 0), w.ints(5, 1<<15, 1<<15),
		w.part(1, []byte("x"))), "\x02\x00\x00\x00\x00\x00\x00\x40"...))
	z.Write(make([]byte, 64<<20))
	z.Close()
	packed := w.order.AppendUint32([]byte("\x0f\x00\x00\x00"), uint32(bomb.Len()))
	many := bytes.Repeat([]byte("\x0e\x00\x00\x00\x00\x00\x00\x00"), 1<<16)
	for what, c := range map[string]struct {
		file  []byte
		cause error
	}{
		"nothing":                  {nil, files.ErrTruncated},
		"another format":           {bytes.Repeat([]byte("x"), 200), files.ErrFormat},
		"deep cells":               {file(deep), files.ErrTooLarge},
		"a bomb":                   {file(packed, bomb.Bytes()), files.ErrTooLarge},
		"many cells":               {file(w.matrix("c", 1, 0, []int{1, 1 << 16}, many)), files.ErrTooLarge},
		"cells that are not there": {file(w.matrix("c", 1, 0, []int{1, 1 << 30})), files.ErrFormat},
		"numbers that are not there": {file([]byte("\x0e\x00\x00\x00\xff\xff\xff\xff"), w.ints(6, 9, 0),
			w.ints(5, 1, 1<<19), w.part(1, []byte("x")), []byte("\x02\x00\x00\x00\x00\x00\x08\x00")), files.ErrTruncated},
		"a product that overflows": {file(w.matrix("c", 9, 0, []int{1 << 30, 1 << 30, 1 << 30, 1 << 30},
			w.part(2, nil))), files.ErrFormat},
		"a negative dimension":    {file(w.matrix("c", 9, 0, []int{-1, -1}, w.part(2, []byte{1}))), files.ErrFormat},
		"a count that is another": {file(w.matrix("c", 9, 0, []int{1, 3}, w.part(2, []byte{1}))), files.ErrFormat},
		"many dimensions":         {file(w.matrix("c", 9, 0, make([]int, 33), w.part(2, nil))), files.ErrFormat},
		"a long name": {file(w.matrix(strings.Repeat("n", 1<<13), 9, 0, []int{1, 1},
			w.part(2, []byte{1}))), files.ErrFormat},
		"an unknown class":   {file(w.matrix("c", 99, 0, []int{1, 1})), files.ErrFormat},
		"an unknown element": {file(w.part(77, []byte("hello"))), files.ErrFormat},
		"a part longer than the array": {file([]byte("\x0e\x00\x00\x00\x08\x00\x00\x00\x06\x00\x00\x00\xff\x00\x00\x00")),
			files.ErrFormat},
		"half a tag": {file([]byte("\x0e\x00\x00")), files.ErrTruncated},
		"no zlib":    {file([]byte("\x0f\x00\x00\x00\x04\x00\x00\x00abcd")), files.ErrFormat},
	} {
		const limit = 1 << 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(bytes.NewReader(c.file), Limits{Bytes: limit})
		runtime.ReadMemStats(&after)
		if !errors.Is(err, c.cause) {
			t.Errorf("%s: %v, want %v", what, err, c.cause)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 6*limit {
			t.Errorf("%s: %d bytes allocated, want at most %d", what, took, 6*limit)
		}
	}
}

func TestWhatIsNotKnownIsSkippedWithoutLosingTheRest(t *testing.T) {
	w := writer{r: rand.New(rand.NewPCG(1, 1)), order: binary.LittleEndian}
	opaque := slices.Concat(w.ints(6, 17, 0), w.part(1, []byte("words")), w.part(1, []byte("MCOS")),
		w.part(1, []byte("string")))
	opaque = append(w.order.AppendUint32([]byte("\x0e\x00\x00\x00"), uint32(len(opaque))), opaque...)
	number := w.part(2, []byte{7})
	structs := w.matrix("", 2, 0, []int{1, 1}, w.ints(5, 2), w.part(1, []byte("f\x00")),
		w.matrix("", 9, 0, []int{1, 1}, number))
	b := slices.Concat(header("IM", "\x00\x01"), w.top(opaque),
		w.top(w.matrix("f", 16, 0, []int{1, 1}, w.matrix("", 2, 0, []int{0, 0}))),
		w.top(w.matrix("o", 3, 0, []int{1, 1}, w.part(1, []byte("klass")))), w.top(w.matrix("c", 1, 0, []int{1, 2}, structs,
			w.matrix("", 9, 0, []int{1, 1}, number))),
		w.top(w.matrix("", 9, 0, []int{1, 1}, number)), w.top(w.matrix("last", 9, 0, []int{1, 1}, number)))
	got, err := Decode(bytes.NewReader(b), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	seven := Variable{Dims: []int{1, 1}, Class: "uint8", DType: "|u1", Data: []byte{7}}
	last := seven
	last.Name = "last"
	want := []Variable{{Name: "words", Class: "opaque", Skipped: "an array of class opaque"},
		{Name: "f", Dims: []int{1, 1}, Class: "function", Skipped: "an array of class function"},
		{Name: "o", Dims: []int{1, 1}, Class: "object", Skipped: "an array of class object"},
		{Name: "c", Dims: []int{1, 2}, Class: "cell", Cells: []Variable{{Dims: []int{1, 1}, Class: "struct",
			Skipped: "a struct in a cell"}, seven}},
		{Dims: []int{1, 1}, Class: "uint8", Skipped: "data of MATLAB's class system"}, last}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestADamagedChecksumIsFound(t *testing.T) {
	b := golden(t, "packed")
	size := int(binary.LittleEndian.Uint32(b[132:]))
	b[136+size-1] ^= 1
	if _, err := Decode(bytes.NewReader(b), Limits{}); !errors.Is(err, files.ErrFormat) {
		t.Errorf("%v, want ErrFormat", err)
	}
}
