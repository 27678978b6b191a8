// Package parquet reads columns of Parquet files: numbers, truth values, text,
// bytes, times, fields of structs, and lists that have one length.
//
// Files are untrusted: every announced size is compared with the file or with a
// limit before memory is allocated, and decompression is incremental. General
// libraries trust these sizes,
// which is why the pages are decoded here and only Snappy and Zstandard are
// those of a library.
package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Limits bound the cost of a file. A zero field means its default.
type Limits struct {
	// Bytes bounds the memory of the metadata and of all columns that are read
	// together; default 2 GiB.
	Bytes int64
	// Rows bounds the rows of the file; default 2^24.
	Rows int
	// Columns bounds the columns of the file; default 4096.
	Columns int
}

func (l Limits) orDefault() Limits {
	if l.Bytes == 0 {
		l.Bytes = 2 << 30
	}
	if l.Rows == 0 {
		l.Rows = 1 << 24
	}
	if l.Columns == 0 {
		l.Columns = 4096
	}
	return l
}

// Kind is what the values of a column are.
type Kind int

// Kinds of columns.
const (
	Unsupported Kind = iota // see Column.Reason
	Number                  // whole numbers, floats and decimals
	Bool
	Text  // UTF-8, JSON, names of an enumeration
	Bytes // any bytes
	Time  // seconds since 1970 in UTC, of dates and timestamps
)

func (k Kind) String() string {
	return [...]string{"unsupported", "number", "bool", "text", "bytes", "time"}[k]
}

// Column describes a column: a leaf of the schema.
type Column struct {
	// Name is its name; of a field of a struct, that of the struct, a dot and the
	// field's, as "image.bytes".
	Name string
	Kind Kind
	// Lists counts the lists inside each other that a value is; 0 of plain ones.
	Lists int
	// Reason says why a column is Unsupported.
	Reason string
}

// Table is an open file.
type Table struct {
	Rows    int
	Columns []Column // in the order of the file
	// Metadata are the texts that writers add, such as "huggingface" and "pandas".
	Metadata map[string]string

	r      io.ReaderAt
	limit  Limits
	used   int64 // of limit.Bytes
	leaves []leaf
	groups []group
	end    int64 // of the values in the file
}

const (
	usual    = "the file may be damaged or another kind of file: compare its sha-256 with the source, or fetch it again"
	saveFlat = "save it with pandas' to_parquet or with pyarrow, as plain columns compressed with snappy, gzip or zstd"
)

var magic = []byte("PAR1")

// Open reads the description of a file of the given size; Read then reads its
// columns. Errors are of type *files.Error and wrap files.ErrFormat,
// files.ErrTruncated, files.ErrTooLarge or what r answers.
func Open(r io.ReaderAt, size int64, limit Limits) (*Table, error) {
	t := &Table{r: r, limit: limit.orDefault(), Metadata: map[string]string{}}
	if err := t.open(size); err != nil {
		return nil, explained(err, files.Whole)
	}
	return t, nil
}

// explained gives an error its place and hint where it has none.
func explained(err error, place string) error {
	var known *files.Error
	if errors.As(err, &known) {
		if known.Place == "" {
			known.Place = place
		}
		return known
	}
	hint := usual
	if errors.Is(err, files.ErrTooLarge) {
		hint = "split the file, or save fewer rows or columns in it"
	}
	return files.Error{Place: place}.Because(err, hint)
}

// charge counts memory before it is allocated.
func (t *Table) charge(n int64) error {
	if n < 0 || n > t.limit.Bytes-t.used {
		return fmt.Errorf("%w: want values of at most %d bytes together", files.ErrTooLarge, t.limit.Bytes)
	}
	t.used += n
	return nil
}

const (
	maxFooter  = 64 << 20
	footerCost = 48 // bytes of memory per byte of a footer, at most about
)

func (t *Table) open(size int64) error {
	var tail [8]byte
	if size < 12 {
		return files.ErrTruncated
	}
	if err := readAt(t.r, tail[:4], 0); err != nil {
		return err
	}
	start := bytes.Clone(tail[:4])
	if err := readAt(t.r, tail[:], size-8); err != nil {
		return err
	}
	switch length := int64(binary.LittleEndian.Uint32(tail[:])); {
	case string(tail[4:]) == "PARE" || string(start) == "PARE":
		return encrypted()
	case !bytes.Equal(start, magic):
		return fmt.Errorf("%w: no Parquet file", files.ErrFormat)
	case !bytes.Equal(tail[4:], magic):
		return fmt.Errorf("%w: a Parquet file without its end", files.ErrTruncated)
	case length > size-12:
		return fmt.Errorf("%w: a description of %d bytes in a file of %d", files.ErrFormat, length, size)
	case length > maxFooter:
		return fmt.Errorf("%w: a description of %d bytes, want at most %d", files.ErrTooLarge, length, maxFooter)
	default:
		if err := t.charge(footerCost * length); err != nil {
			return err
		}
		t.end = size - 8 - length
		footer := make([]byte, length)
		if err := readAt(t.r, footer, t.end); err != nil {
			return err
		}
		return t.describe(footer)
	}
}

func encrypted() error {
	cause := fmt.Errorf("%w: an encrypted Parquet file", files.ErrFormat)
	return &files.Error{Place: files.Whole, Err: cause, Hint: "save it again without encryption"}
}

func readAt(r io.ReaderAt, p []byte, offset int64) error {
	n, err := r.ReadAt(p, offset)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return files.ErrTruncated
	}
	return err
}

// group are the rows that lie together: the places of the values of each leaf.
type group struct {
	rows   int
	chunks []chunk
}

type chunk struct {
	start, end int64
	values     int64 // nulls and empty lists included
	codec      int64
}

// describe reads the footer.
func (t *Table) describe(footer []byte) error {
	file, _, err := decodeThrift(footer)
	if err != nil {
		return err
	}
	if file.has(8) {
		return encrypted()
	}
	if err := t.readSchema(file.list(2)); err != nil {
		return err
	}
	for _, item := range file.list(5) {
		pair, _ := item.(record)
		t.Metadata[string(pair.bytes(1))] = string(pair.bytes(2))
	}
	for i, item := range file.list(4) {
		rg, _ := item.(record)
		if err := t.addGroup(rg); err != nil {
			return fmt.Errorf("row group %d: %w", i, err)
		}
	}
	if int64(t.Rows) != file.int(3) {
		return fmt.Errorf("%w: row groups of %d rows in a file of %d", files.ErrFormat, t.Rows, file.int(3))
	}
	return nil
}

func (t *Table) addGroup(rg record) error {
	rows, columns := rg.int(3), rg.list(1)
	switch {
	case rows < 0 || len(columns) != len(t.leaves):
		return fmt.Errorf("%w: %d rows of %d columns, want %d", files.ErrFormat, rows, len(columns), len(t.leaves))
	case rows > int64(t.limit.Rows-t.Rows):
		return fmt.Errorf("%w: more than %d rows", files.ErrTooLarge, t.limit.Rows)
	}
	g := group{rows: int(rows)}
	for i, item := range columns {
		column, _ := item.(record)
		meta := column.record(3)
		switch {
		case column.has(8) || column.has(9):
			return encrypted()
		case len(column.bytes(1)) > 0:
			cause := fmt.Errorf("%w: values that lie in another file", files.ErrFormat)
			return &files.Error{Place: files.Whole, Err: cause, Hint: saveFlat}
		case meta == nil || meta.int(1) != int64(t.leaves[i].physical):
			return fmt.Errorf("%w: column %q is stored as another type than the schema says", files.ErrFormat, t.Columns[i].Name)
		}
		c := chunk{start: meta.int(9), values: meta.int(5), codec: meta.int(4)}
		if dictionary := meta.int(11); dictionary > 0 {
			c.start = min(c.start, dictionary)
		}
		if length := meta.int(7); c.start < 4 || length < 0 || c.start > t.end || length > t.end-c.start || c.values < 0 {
			return fmt.Errorf("%w: column %q lies outside the file", files.ErrFormat, t.Columns[i].Name)
		} else {
			c.end = c.start + length
		}
		g.chunks = append(g.chunks, c)
	}
	t.Rows += g.rows
	t.groups = append(t.groups, g)
	return nil
}
