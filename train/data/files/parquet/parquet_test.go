package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	library "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// picture is how Hugging Face stores one.
type picture struct {
	Bytes []byte `parquet:"bytes,optional"`
	Path  string `parquet:"path,optional"`
}

type row struct {
	Image   picture          `parquet:"image,optional"`
	Label   int64            `parquet:"label"`
	Small   *int32           `parquet:"small,optional"`
	Single  float32          `parquet:"single"`
	Double  float64          `parquet:"double"`
	Yes     bool             `parquet:"yes"`
	Word    string           `parquet:"word,dict"`
	When    time.Time        `parquet:"when,timestamp(microsecond)"`
	Day     int32            `parquet:"day,date"`
	Cents   int64            `parquet:"cents,decimal(2:18)"`
	Big     uint64           `parquet:"big"`
	U32     uint32           `parquet:"u32"`
	Old     deprecated.Int96 `parquet:"old"`
	Vector  []float32        `parquet:"vector,list"`
	Pixels  [][]int32        `parquet:"pixels,list" parquet-element:",list"`
	Ragged  []int32          `parquet:"ragged,list"`
	Map     map[string]int32 `parquet:"map"`
	Delta   int64            `parquet:"delta,delta"`
	Delta32 int32            `parquet:"delta32,delta"`
	Text1   string           `parquet:"text1,delta"`
	Split   float32          `parquet:"split,split"`
	Split64 float64          `parquet:"split64,split"`
	ID      [16]byte         `parquet:"id,uuid"`
	Same    []uint8          `parquet:"same,dict"`
}

// randomRows are rows whose content is known.
func randomRows(r *rand.Rand, n int) []row {
	out := make([]row, n)
	word := func(most int) string { return strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(most)) }
	for i := range out {
		small := int32(r.Uint32())
		out[i] = row{
			Image: picture{[]byte("\x89PNG" + word(300)), fmt.Sprintf("%d.png",
				i)}, Label: int64(r.Uint64()) >> r.IntN(64), Small: &small,
			Single: r.Float32(), Double: r.NormFloat64(), Yes: r.IntN(2) == 0, Word: word(5),
			When: time.UnixMicro(r.Int64N(1 << 50)).UTC(),
			Day:  int32(r.IntN(30000)), Cents: int64(r.IntN(1e6)) - 5e5, Big: r.Uint64() >> 1, U32: r.Uint32(),
			Old: deprecated.Int96{uint32(i), 0, 2440588 + 1}, Vector: []float32{r.Float32(), 2, 3},
			Pixels: [][]int32{{1, 2, 3}, {int32(r.IntN(256)), 5, 6}}, Ragged: make([]int32,
				r.IntN(3)), Map: map[string]int32{"k": 1},
			Delta: int64(r.Uint64()) >> r.IntN(64), Delta32: int32(r.Uint32()) >> r.IntN(32), Text1: "same start " + word(9),
			Split: r.Float32(), Split64: r.Float64(),
			Same: []byte{byte(r.IntN(3))},
		}
		if out[i].ID[0] = byte(i); r.IntN(4) == 0 {
			out[i].Small = nil
		}
		if r.IntN(5) == 0 {
			out[i].Image = picture{}
		}
	}
	return out
}

// dialects are the ways in which the writer of the library writes.
func dialects() map[string][]library.WriterOption {
	out := map[string][]library.WriterOption{}
	for version := 1; version <= 2; version++ {
		for name, codec := range map[string]compress.Codec{"plain": &library.Uncompressed, "snappy": &library.Snappy,
			"gzip": &library.Gzip, "zstd": &library.Zstd, "lz4": &library.Lz4Raw} {
			out[fmt.Sprintf("%s %d", name, version)] = []library.WriterOption{library.Compression(codec),
				library.DataPageVersion(version),
				library.PageBufferSize(700), library.KeyValueMetadata("huggingface", `{"info":1}`)}
		}
	}
	return out
}

// write writes rows in row groups of at most size.
func write[T any](t testing.TB, rows []T, size int, options ...library.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := library.NewGenericWriter[T](&b, options...)
	for part := range slices.Chunk(rows, size) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t testing.TB, b []byte) *Table {
	t.Helper()
	table, err := Open(bytes.NewReader(b), int64(len(b)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestWhatTheLibraryWritesIsReadInEveryDialect(t *testing.T) {
	for name, options := range dialects() {
		for seed, n := range []int{0, 1, 7, 300} {
			rows := randomRows(rand.New(rand.NewPCG(uint64(seed), 3)), n)
			table := open(t, write(t, rows, 100, options...))
			if table.Rows != n || table.Metadata["huggingface"] != `{"info":1}` {
				t.Fatalf("%s: %d rows, %v", name, table.Rows, table.Metadata)
			}
			compare(t, name, table, rows)
		}
	}
}

// column is the values of a column, by row.
func column[T any](rows []row, of func(row) T) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = of(r)
	}
	return out
}

func compare(t *testing.T, dialect string, table *Table, rows []row) {
	t.Helper()
	wide := func(v []float32) (out []float64) {
		for _, f := range v {
			out = append(out, float64(f))
		}
		return out
	}
	var vectors, pixels []int
	if len(rows) > 0 {
		vectors, pixels = []int{3}, []int{2, 3}
	} else {
		vectors, pixels = []int{0}, []int{0, 0}
	}
	noSmall := column(rows, func(r row) bool { return r.Small == nil })
	for name, want := range map[string]Values{
		"image.bytes": {Bytes: column(rows, func(r row) []byte { return r.Image.Bytes }),
			Null: column(rows, func(r row) bool { return r.Image.Bytes == nil })},
		"label": {Ints: column(rows, func(r row) int64 { return r.Label })},
		"small": {Null: noSmall, Ints: column(rows, func(r row) int64 {
			if r.Small == nil {
				return 0
			}
			return int64(*r.Small)
		})},
		"single": {Floats: column(rows, func(r row) float64 { return float64(r.Single) })},
		"double": {Floats: column(rows, func(r row) float64 { return r.Double })},
		"yes":    {Bools: column(rows, func(r row) bool { return r.Yes })},
		"word":   {Bytes: column(rows, func(r row) []byte { return []byte(r.Word) })},
		"when":   {Floats: column(rows, func(r row) float64 { return float64(r.When.UnixMicro()) / 1e6 })},
		"day":    {Floats: column(rows, func(r row) float64 { return float64(r.Day) * 86400 })},
		"cents":  {Floats: column(rows, func(r row) float64 { return float64(r.Cents) / 100 })},
		"big":    {Ints: column(rows, func(r row) int64 { return int64(r.Big) })},
		"u32":    {Ints: column(rows, func(r row) int64 { return int64(r.U32) })},
		"old":    {Floats: column(rows, func(r row) float64 { return 86400 + float64(r.Old[0])/1e9 })},
		"vector": {Floats: slices.Concat(column(rows, func(r row) []float64 { return wide(r.Vector) })...), Dims: vectors},
		"pixels": {Ints: slices.Concat(column(rows, func(r row) []int64 {
			return []int64{1, 2, 3, int64(r.Pixels[1][0]), 5,
				6}
		})...), Dims: pixels},
		"delta":   {Ints: column(rows, func(r row) int64 { return r.Delta })},
		"delta32": {Ints: column(rows, func(r row) int64 { return int64(r.Delta32) })},
		"text1":   {Bytes: column(rows, func(r row) []byte { return []byte(r.Text1) })},
		"split":   {Floats: column(rows, func(r row) float64 { return float64(r.Split) })},
		"split64": {Floats: column(rows, func(r row) float64 { return r.Split64 })},
		"id":      {Bytes: column(rows, func(r row) []byte { return r.ID[:] })},
		"same":    {Bytes: column(rows, func(r row) []byte { return r.Same })},
	} {
		got, err := table.Read(name)
		if err != nil {
			t.Errorf("%s, %d rows, %s: %v", dialect, len(rows), name, err)
			continue
		}
		if !slices.Contains(want.Null, true) {
			want.Null = nil
		}
		if !same(*got, want) {
			t.Errorf("%s, %d rows, %s:\ngot  %.300v\nwant %.300v", dialect, len(rows), name, *got, want)
		}
	}
}

// same compares, with nil and empty alike.
func same(a, b Values) bool {
	return slices.Equal(a.Ints, b.Ints) && slices.Equal(a.Floats, b.Floats) && slices.Equal(a.Bools,
		b.Bools) && slices.EqualFunc(a.Bytes, b.Bytes, bytes.Equal) &&
		slices.Equal(a.Null, b.Null) && slices.Equal(a.Dims, b.Dims)
}

func TestTheColumnsAreDescribed(t *testing.T) {
	table := open(t, write(t, randomRows(rand.New(rand.NewPCG(1, 1)), 3), 3))
	got := map[string]Column{}
	for _, c := range table.Columns {
		got[c.Name] = c
	}
	for _, want := range []Column{{Name: "image.bytes", Kind: Bytes}, {Name: "image.path", Kind: Text},
		{Name: "label", Kind: Number}, {Name: "yes", Kind: Bool},
		{Name: "when", Kind: Time}, {Name: "day", Kind: Time}, {Name: "cents", Kind: Number}, {Name: "vector", Kind: Number,
			Lists: 1}, {Name: "pixels", Kind: Number, Lists: 2},
		{Name: "map.key_value.key", Kind: Unsupported, Reason: "maps", Lists: 1}, {Name: "old", Kind: Time}} {
		if got[want.Name] != want {
			t.Errorf("got %+v, want %+v in %+v", got[want.Name], want, table.Columns)
		}
	}
	if table.Columns[0].Name != "image.bytes" || table.Columns[2].Name != "label" {
		t.Errorf("not in the order of the file: %+v", table.Columns)
	}
}

func TestListsOfSeveralLengthsAndMapsAreRefusedWithAReason(t *testing.T) {
	table := open(t, write(t, randomRows(rand.New(rand.NewPCG(1, 1)), 20), 7))
	for name, reason := range map[string]string{"ragged": "has a list of", "map.key_value.key": "maps are not supported",
		"nothing": "no column"} {
		_, err := table.Read(name)
		var e *files.Error
		if !errors.As(err, &e) || !errors.Is(err, files.ErrFormat) || e.Hint == "" || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestListsMayBeMissingAsAWholeButNotInPart(t *testing.T) {
	type lists struct {
		Whole []*int64   `parquet:"whole,list,optional"`
		Part  []*int64   `parquet:"part,list"`
		Deep  [][]string `parquet:"deep,optional,list" parquet-element:",list"`
	}
	one, two := int64(1), int64(2)
	rows := []lists{{Part: []*int64{&one}}, {Whole: []*int64{&one, &two}, Part: []*int64{nil},
		Deep: [][]string{{"a"}, {"b"}}}, {Part: []*int64{&one}}, {Whole: []*int64{&two,
		&two}, Part: []*int64{&one}, Deep: [][]string{{"c"}, {"d"}}}}
	table := open(t, write(t, rows, 3))
	for name, want := range map[string]Values{
		"whole": {Ints: []int64{0, 0, 1, 2, 0, 0, 2, 2}, Null: []bool{true, false, true, false}, Dims: []int{2}},
		"deep": {Bytes: [][]byte{nil, nil, []byte("a"), []byte("b"), nil, nil, []byte("c"), []byte("d")},
			Null: []bool{true, false, true, false}, Dims: []int{2, 1}},
	} {
		if got, err := table.Read(name); err != nil || !same(*got, want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
	if _, err := table.Read("part"); err == nil || !strings.Contains(err.Error(), "row 1 has a null in a list") {
		t.Errorf("%v", err)
	}
}

func TestAnEmptyListIsNotAMissingOne(t *testing.T) {
	type list struct {
		V []int32 `parquet:"v,list"`
	}
	_, err := open(t, write(t, []list{{[]int32{1, 2}}, {}}, 5)).Read("v")
	if err == nil || !strings.Contains(err.Error(), "row 1 has a list of 0 values, those before of 2") {
		t.Errorf("%v", err)
	}
	got, err := open(t, write(t, []list{{}, {}}, 5)).Read("v")
	if err != nil || got.Null != nil || !slices.Equal(got.Dims, []int{0}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWholeNumbersThatDoNotFitAreRefused(t *testing.T) {
	type big struct {
		N uint64 `parquet:"n"`
	}
	_, err := open(t, write(t, []big{{1}, {math.MaxUint64}}, 5)).Read("n")
	if !errors.Is(err, files.ErrValue) {
		t.Errorf("%v, want ErrValue", err)
	}
}

func TestNumbersStoredAsBytesAreRead(t *testing.T) {
	decimal := leaf{decimal: true, times: 1, per: 100}
	for b, want := range map[string]float64{"\x00\x7b": 1.23, "\xff\x85": -1.23, "": 0, "\x01\x00\x00\x00": 167772.16} {
		if v := (&Values{Bytes: [][]byte{[]byte(b)}}); decimal.convert(v) != nil || !reflect.DeepEqual(v.Floats,
			[]float64{want}) {
			t.Errorf("%q is %v, want %v", b, v.Floats, want)
		}
	}
	v := &Values{Bytes: [][]byte{{0x00, 0x3e}, nil}}
	if (leaf{half: true}).convert(v) != nil || !reflect.DeepEqual(v.Floats, []float64{1.5, 0}) {
		t.Errorf("half %v", v.Floats)
	}
}
