package parquet

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	library "github.com/parquet-go/parquet-go"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// encodeRecord writes a record in the compact protocol.
func encodeRecord(r record) []byte {
	var out []byte
	for _, f := range r {
		kind, value := encodeValue(f.value)
		if b, ok := f.value.(bool); ok {
			kind, value = map[bool]byte{true: 1, false: 2}[b], nil
		}
		out = binary.AppendVarint(append(out, kind), int64(f.id))
		out = append(out, value...)
	}
	return append(out, 0)
}

func encodeValue(v any) (kind byte, b []byte) {
	switch v := v.(type) {
	case int:
		return 6, binary.AppendVarint(nil, int64(v))
	case string:
		return 8, append(binary.AppendUvarint(nil, uint64(len(v))), v...)
	case record:
		return 12, encodeRecord(v)
	case []record:
		b = binary.AppendUvarint([]byte{15<<4 | 12}, uint64(len(v)))
		for _, r := range v {
			b = append(b, encodeRecord(r)...)
		}
		return 9, b
	}
	return 1, []byte{1}
}

// crafted is a file of one column in one row group, by its pages.
type crafted struct {
	rows, values int
	physical     int
	repetition   int // of the column: 0 required, 1 optional, 2 repeated
	codec        int
	converted    int // the older way to say what values mean; 0 for none
	pages        [][]byte
}

func (c crafted) file() []byte {
	pages := bytes.Join(c.pages, nil)
	leaf := record{{1, c.physical}, {2, 4}, {3, c.repetition}, {4, "x"}}
	if c.converted > 0 {
		leaf = append(leaf, field{6, c.converted})
	}
	meta := record{{1, c.physical}, {4, c.codec}, {5, c.values}, {7, len(pages)}, {9, 4}}
	group := record{{1, []record{{{2, 4}, {3, meta}}}}, {3, c.rows}}
	return wrapped(pages, encodeRecord(record{{1, 1}, {2, []record{{{4, "root"}, {5, 1}}, leaf}}, {3, c.rows},
		{4, []record{group}}}))
}

func wrapped(pages, footer []byte) []byte {
	out := append(append([]byte("PAR1"), pages...), footer...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(footer))), "PAR1"...)
}

// dataPage is a page of n values; full is what it says to decompress to.
func dataPage(n, encoding, full int, data string) []byte {
	return append(encodeRecord(record{{1, 0}, {2, full}, {3, len(data)},
		{5, record{{1, n}, {2, encoding}, {3, 3}, {4, 3}}}}), data...)
}

func dictionaryPage(n int, data string) []byte {
	return append(encodeRecord(record{{1, 2}, {2, len(data)}, {3, len(data)}, {7, record{{1, n}, {2, 0}}}}), data...)
}

func uvarints(v ...uint64) string {
	var out []byte
	for _, n := range v {
		out = binary.AppendUvarint(out, n)
	}
	return string(out)
}

func gzipped(n int) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(make([]byte, n))
	z.Close()
	return b.String()
}

func TestACraftedFileIsReadWhenItIsRight(t *testing.T) {
	b := crafted{rows: 3, values: 3, physical: typeInt32,
		pages: [][]byte{dictionaryPage(1, "\x07\x00\x00\x00"), dataPage(3, 8, 3, "\x01\x06\x00")}}.file()
	v, err := open(t, b).Read("x")
	if err != nil || len(v.Ints) != 3 || v.Ints[2] != 7 {
		t.Errorf("%v, %v", v, err)
	}
}

func TestTheOlderWayToSayWhatValuesMeanIsUnderstood(t *testing.T) {
	for _, c := range []struct {
		converted int
		kind      Kind
		want      Values
	}{
		{13, Number, Values{Ints: []int64{1<<32 - 1}}}, {17, Number, Values{Ints: []int64{-1}}}, {6, Time,
			Values{Floats: []float64{-86400}}},
		{9, Time, Values{Floats: []float64{-0.001}}}, {5, Number, Values{Floats: []float64{-1}}},
	} {
		b := crafted{rows: 1, values: 1, physical: typeInt32, converted: c.converted,
			pages: [][]byte{dataPage(1, 0, 4, "\xff\xff\xff\xff")}}.file()
		table := open(t, b)
		got, err := table.Read("x")
		if err != nil || !same(*got, c.want) || table.Columns[0].Kind != c.kind {
			t.Errorf("converted type %d: %v %v, %v", c.converted, table.Columns[0].Kind, got, err)
		}
	}
}

// bomb is values that each begin as the one before and are a byte longer: blocks
// of differences that are all the least.
func bomb(n int) string {
	block := func(first, least int64) string {
		return uvarints(128, 1, uint64(n)) + string(binary.AppendVarint(nil,
			first)) + strings.Repeat(string(binary.AppendVarint(nil, least))+"\x00", (n+126)/128)
	}
	return block(0, 1) + block(1, 0) + strings.Repeat("x", n)
}

// hostile are files that lie, and what must be said of them.
func hostile() map[string]struct {
	file  []byte
	cause error
} {
	const huge = 1 << 30
	ints := crafted{rows: 3, values: 3, physical: typeInt32}
	page := func(c crafted, pages ...[]byte) []byte { c.pages = pages; return c.file() }
	coded := func(codec int, pages ...[]byte) []byte { c := ints; c.codec = codec; return page(c, pages...) }
	many := crafted{rows: 1, values: huge, physical: typeInt32, repetition: 2}
	text := crafted{rows: 4096, values: 4096, physical: typeByteArray}
	manyRuns := "\x06\x00\x00\x00" + uvarints(2*huge) + "\x01"
	zstd := "\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x40\x00\x00\x00\x00\x01\x00\x00" // says to have 1 GiB
	footer := func(b string) []byte { return wrapped(nil, []byte(b)) }
	return map[string]struct {
		file  []byte
		cause error
	}{
		"nothing":                       {nil, files.ErrTruncated},
		"another format":                {bytes.Repeat([]byte("x"), 100), files.ErrFormat},
		"no end":                        {append([]byte("PAR1"), make([]byte, 100)...), files.ErrTruncated},
		"encrypted":                     {[]byte("PAR1\x00\x00\x00\x00PARE"), files.ErrFormat},
		"a footer longer than the file": {[]byte("PAR1\xff\xff\x00\x00PAR1"), files.ErrFormat},
		"a list of very many":           {footer("\x19\xfc\xff\xff\xff\xff\x07"), files.ErrTruncated},
		"a text of very many":           {footer("\x18\xff\xff\xff\xff\x07"), files.ErrTruncated},
		"deep structs":                  {footer(strings.Repeat("\x1c", 1000)), files.ErrFormat},
		"deep lists":                    {footer("\x19" + strings.Repeat("\x19", 1000)), files.ErrFormat},
		"no schema":                     {footer("\x00"), files.ErrFormat},
		"a page longer than the column": {page(ints,
			encodeRecord(record{{1, 0}, {2, 1 << 20}, {3, 1 << 20}, {5, record{{1, 3}}}})), files.ErrFormat},
		"a page of negative size": {page(ints,
			encodeRecord(record{{1, 0}, {2, -1}, {3, -1}, {5, record{{1, 3}}}})), files.ErrFormat},
		"more values than the column":  {page(ints, dataPage(4, 0, 16, strings.Repeat("x", 16))), files.ErrFormat},
		"fewer values than the column": {page(ints, dataPage(2, 0, 8, strings.Repeat("x", 8))), files.ErrTruncated},
		"fewer bytes than values":      {page(ints, dataPage(3, 0, 8, strings.Repeat("x", 8))), files.ErrTruncated},
		"a page without a dictionary":  {page(ints, dataPage(3, 8, 3, "\x01\x06\x00")), files.ErrFormat},
		"an index beyond the dictionary": {page(ints, dictionaryPage(1, "abcd"), dataPage(3, 8, 3, "\x01\x06\x01")),
			files.ErrFormat},
		"a dictionary that is not there": {page(ints, dictionaryPage(1<<14, "abcd")), files.ErrTruncated},
		"a large dictionary":             {page(ints, dictionaryPage(huge, "abcd")), files.ErrTooLarge},
		"a run of nothing": {page(ints, dictionaryPage(1, "abcd"), dataPage(3, 8, 3, "\x01\x00\x00")),
			files.ErrFormat},
		"snappy that is too long":     {coded(1, dataPage(3, 0, huge>>11, uvarints(huge>>11)+"x")), files.ErrFormat},
		"snappy that lies":            {coded(1, dataPage(3, 0, 12, uvarints(huge)+"x")), files.ErrFormat},
		"gzip that is longer":         {coded(2, dataPage(3, 0, 12, gzipped(64<<20))), files.ErrFormat},
		"gzip that is shorter":        {coded(2, dataPage(3, 0, 13, gzipped(12))), files.ErrTruncated},
		"zstd that lies":              {coded(6, dataPage(3, 0, 1<<19, zstd)), files.ErrFormat},
		"zstd that is too long":       {coded(6, dataPage(3, 0, huge, zstd)), files.ErrTooLarge},
		"lz4 that copies from before": {coded(7, dataPage(3, 0, 12, "\x04\x01\x00x")), files.ErrFormat},
		"lz4 that is too long":        {coded(7, dataPage(3, 0, 1<<19, "\x04\x01\x00x")), files.ErrFormat},
		"brotli":                      {coded(4, dataPage(3, 0, 12, "xxxx")), files.ErrFormat},
		"very many values of one list": {page(many, dataPage(huge, 0, len(manyRuns)*2, manyRuns+manyRuns)),
			files.ErrTooLarge},
		"many values of one list": {page(many, dataPage(30000, 0, len(manyRuns)*2, manyRuns+manyRuns)),
			files.ErrTruncated},
		"text that grows with its start": {page(text, dataPage(4096, 7, len(bomb(4096)), bomb(4096))), files.ErrTooLarge},
		"text that is not there":         {page(text, dataPage(4096, 0, 4, "\xff\xff\xff\xff")), files.ErrTruncated},
		"differences that are not there": {page(ints, dataPage(3, 5, 5, uvarints(128, 4, 3, 0))), files.ErrTruncated},
		"differences of another number":  {page(ints, dataPage(3, 5, 7, uvarints(128, 4, huge, 0))), files.ErrFormat},
		"differences in a huge block":    {page(ints, dataPage(3, 5, 8, uvarints(1<<40, 1, 3, 0))), files.ErrFormat},
		"an encoding that there is not":  {page(ints, dataPage(3, 99, 1, "x")), files.ErrFormat},
		"an unknown page": {page(ints, append(encodeRecord(record{{1, 9}, {2, 1}, {3, 1}}), 'x')),
			files.ErrFormat},
		"a wrong checksum": {page(ints,
			append(encodeRecord(record{{1, 0}, {2, 12}, {3, 12}, {4, 7}, {5, record{{1, 3}, {2, 0}}}}),
				"xxxxxxxxxxxx"...)), files.ErrFormat},
		"very many rows": {crafted{rows: math.MaxInt}.file(), files.ErrTooLarge},
		"levels beyond the greatest": {page(crafted{rows: 1, values: 1, repetition: 2, physical: typeInt32},
			dataPage(1, 0, 12, "\x02\x00\x00\x00\x02\x00\x02\x00\x00\x00\x02\x02")), files.ErrFormat},
		"a list that begins in its middle": {page(crafted{rows: 1, values: 1, repetition: 2, physical: typeInt32},
			dataPage(1, 0, 16, "\x02\x00\x00\x00\x02\x01\x02\x00\x00\x00\x02\x01abcd")), files.ErrFormat},
		"a column in front of the file": {bytes.Replace(ints.file(), binary.AppendVarint([]byte{6, 18}, 4),
			binary.AppendVarint([]byte{6, 18}, 1), 1), files.ErrFormat},
		"half a value of levels": {page(crafted{rows: 1, values: 1, repetition: 1, physical: typeInt32},
			dataPage(1, 0, 4, "\xff\xff\xff\xff")), files.ErrTruncated},
		"levels of a second form too long": {page(crafted{rows: 1, values: 1, repetition: 1, physical: typeInt32},
			append(encodeRecord(record{{1, 3}, {2, 4}, {3, 4}, {8, record{{1, 1}, {4, 0}, {5, 9}, {6, 0}}}}),
				"abcd"...)), files.ErrFormat},
		"levels of a second form below null": {page(crafted{rows: 1, values: 1, repetition: 1, physical: typeInt32},
			append(encodeRecord(record{{1, 3}, {2, 4}, {3, 4}, {8, record{{1, 1}, {4, 0}, {5, -9}, {6, 0}}}}),
				"abcd"...)), files.ErrFormat},
	}
}

// allocated is how many bytes this process has allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// windows is the memory that Zstandard may take besides.
const windows = 3 * maxWindow

var errMemory = errors.New("a column took much more memory than it may")

func readAllColumns(b []byte, limit Limits) (*Table, []*Values, error) {
	table, err := Open(bytes.NewReader(b), int64(len(b)), limit)
	if err != nil {
		return nil, nil, err
	}
	var all []*Values
	for _, c := range table.Columns {
		before := allocated()
		v, failed := table.Read(c.Name)
		if took := allocated() - before; took > uint64(16*limit.Bytes)+windows {
			failed = fmt.Errorf("%w: %d bytes", errMemory, took)
		}
		if failed != nil && err == nil {
			err = failed
		}
		all = append(all, v)
	}
	return table, all, err
}

func TestHostileFilesEndInAnErrorWithoutMuchMemory(t *testing.T) {
	const limit = 1 << 20
	for what, c := range hostile() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := readAllColumns(c.file, Limits{Bytes: limit})
		runtime.ReadMemStats(&after)
		if !errors.Is(err, c.cause) {
			t.Errorf("%s: %v, want %v", what, err, c.cause)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 8*limit {
			t.Errorf("%s: %d bytes allocated, want at most %d", what, took, 8*limit)
		}
	}
}

func TestRowsColumnsAndBytesAreBounded(t *testing.T) {
	b := write(t, randomRows(rand.New(rand.NewPCG(1, 1)), 30), 10)
	for _, limit := range []Limits{{Rows: 29}, {Columns: 20}, {Bytes: 1 << 15}} {
		if _, _, err := readAllColumns(b, limit); !errors.Is(err, files.ErrTooLarge) {
			t.Errorf("%+v: %v, want ErrTooLarge", limit, err)
		}
	}
}

func TestEveryPieceOfAFileIsRefused(t *testing.T) {
	b := write(t, randomRows(rand.New(rand.NewPCG(1, 1)), 2), 10)
	for n := range b {
		if _, err := Open(bytes.NewReader(b[:n]), int64(n), Limits{}); err == nil {
			t.Fatalf("%d of %d bytes are a file", n, len(b))
		}
	}
	if _, err := Open(bytes.NewReader(b[:len(b)-9]), int64(len(b)), Limits{}); !errors.Is(err, files.ErrTruncated) {
		t.Errorf("a reader that ends too early: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	rows := randomRows(rand.New(rand.NewPCG(9, 9)), 12)
	for _, options := range dialects() {
		b := write(f, rows, 7, options...)
		f.Add(b)
		for i := 0; i < len(b); i += 397 {
			changed := bytes.Clone(b)
			changed[i] ^= 1 << (i % 8)
			f.Add(changed)
		}
	}
	type one struct {
		N int64   `parquet:"n,optional,delta"`
		V []int32 `parquet:"v,list"`
	}
	for _, codec := range dialects() {
		f.Add(write(f, []one{{1, []int32{1, 2}}, {2, []int32{3, 4}}, {5, []int32{3, 4}}}, 2, codec[0],
			library.DataPageVersion(1+len(codec)%2)))
	}
	for _, c := range hostile() {
		f.Add(c.file)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		table, all, err := readAllColumns(b, Limits{Bytes: 1 << 22, Rows: 1 << 14, Columns: 64})
		if err != nil {
			var e *files.Error
			if !errors.As(err, &e) || e.Hint == "" {
				t.Fatalf("an error without a hint: %v", err)
			}
			if errors.Is(err, errPanic) || errors.Is(err, errMemory) {
				t.Fatal(err)
			}
		}
		for i, v := range all {
			if v == nil {
				continue
			}
			size := table.Rows
			for _, d := range v.Dims {
				size *= d
			}
			if got := len(v.Ints) + len(v.Floats) + len(v.Bools) + len(v.Bytes); got != size {
				t.Fatalf("column %+v has %d values, want %d in %v", table.Columns[i], got, size, v.Dims)
			}
			if v.Null != nil && len(v.Null) != table.Rows {
				t.Fatalf("%d marks of %d rows", len(v.Null), table.Rows)
			}
		}
	})
}
