package array

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Records is an array of records: a table with a column for each field.
type Records struct {
	Names []string
	Rows  int
	cells [][]string // by column
}

// Cell is the text of one field.
func (r *Records) Cell(row, column int) string { return r.cells[column][row] }

// maxRecordBytes bounds one record.
const maxRecordBytes = 1 << 20

// HasRecords reports whether a .npy file holds records.
func HasRecords(tree *files.Tree, name string) bool {
	found := false
	err := tree.Read(name, func(r io.Reader) error {
		h, err := readHeader(bufio.NewReaderSize(cut{r}, maxNumPyHeader))
		found = err == nil && strings.HasPrefix(h.dtype, "[")
		return err
	})
	return err == nil && found
}

// ReadRecords reads a .npy file of records.
func ReadRecords(tree *files.Tree, name string) (out *Records, err error) {
	err = tree.Read(name, func(r io.Reader) error {
		out, err = decodeRecords(files.Bounded(r, files.MaxBytes))
		return err
	})
	return out, err
}

// field is one field of a record.
type field struct {
	name, dtype string
	count       int // of a field that is an array
	width       int // bytes of one value
}

func decodeRecords(r io.Reader) (*Records, error) {
	b := bufio.NewReaderSize(cut{r}, maxNumPyHeader)
	h, err := readHeader(b)
	if err != nil {
		return nil, files.At(0, err)
	}
	fields, err := parseFields(h.dtype)
	if err != nil {
		return nil, files.At(0, err)
	}
	out, width := &Records{}, 0
	for _, f := range fields {
		width += f.count * f.width
		for i := range f.count {
			name := f.name
			if f.count > 1 {
				name = fmt.Sprintf("%s[%d]", f.name, i)
			}
			if !f.padding() {
				out.Names = append(out.Names, name)
			}
		}
	}
	if len(h.dims) != 1 || h.dims[0] < 1 || width < 1 || width > maxRecordBytes ||
		int64(h.dims[0])*int64(len(out.Names)) > files.MaxValues {
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: records of %d bytes, %v", files.ErrFormat, width,
			h.dims), Hint: "want one dimension, which counts the rows"}
	}
	out.Rows, out.cells = h.dims[0], make([][]string, len(out.Names))
	record := make([]byte, width)
	for row := range out.Rows {
		if n, err := io.ReadFull(b, record); err != nil {
			return nil, files.At(int64(row)*int64(width)+int64(n), files.OrTruncated(err))
		}
		if err := out.add(fields, record, row); err != nil {
			return nil, err
		}
	}
	if _, err := b.Peek(1); err == nil {
		return nil, files.At(int64(out.Rows)*int64(width), fmt.Errorf("%w of the array", files.ErrTrailing))
	}
	return out, nil
}

// padding reports whether a field is padding.
func (f field) padding() bool { return f.name == "" }

// add appends one record.
func (r *Records) add(fields []field, record []byte, row int) error {
	at := 0
	for _, f := range fields {
		for range f.count {
			one := record[:f.width]
			record = record[f.width:]
			if f.padding() {
				continue
			}
			text, err := f.text(one)
			if err != nil {
				return &files.Error{Place: fmt.Sprintf("record %d, field %s", row, f.name), Err: err}
			}
			r.cells[at] = append(r.cells[at], text)
			at++
		}
	}
	return nil
}

// text is one value as text.
func (f field) text(one []byte) (string, error) {
	if unit, ok := dateUnit(f.dtype); ok {
		return dateText(int64(orderOf(f.dtype).Uint64(one)), unit)
	}
	v := &values{dtype: f.dtype}
	kind, _ := kindOf(f.dtype)
	if err := v.add(one, kind, f.width, strings.HasPrefix(f.dtype, ">")); err != nil {
		return "nan", nil // the table says which row
	}
	switch {
	case v.text != nil:
		return v.text[0], nil
	case kind == 'b':
		return strconv.FormatBool(v.bytes[0] != 0), nil
	}
	return strconv.FormatFloat(v.at(0), 'g', -1, 64), nil
}

// dateUnit is the unit of a type of dates, such as <M8[ns].
func dateUnit(dtype string) (unit string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimLeft(dtype, "<>=|"), "M8[")
	return strings.TrimSuffix(rest, "]"), ok && strings.HasSuffix(rest, "]")
}

// noDate is the value of a missing date.
const noDate = -1 << 63

// dateText writes a date that counts units since 1970.
func dateText(n int64, unit string) (string, error) {
	if n == noDate {
		return "", nil
	}
	var t time.Time
	switch unit {
	case "Y":
		t = time.Date(1970+int(n), 1, 1, 0, 0, 0, 0, time.UTC)
	case "M":
		t = time.Date(1970, 1+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	case "W", "D", "h", "m", "s":
		seconds := map[string]int64{"W": 7 * 86400, "D": 86400, "h": 3600, "m": 60, "s": 1}[unit]
		t = time.Unix(n*seconds, 0).UTC()
	case "ms":
		t = time.UnixMilli(n).UTC()
	case "us":
		t = time.UnixMicro(n).UTC()
	case "ns":
		t = time.Unix(0, n).UTC()
	default:
		return "", fmt.Errorf("%w: dates in units of %s", files.ErrFormat, files.Quoted(unit))
	}
	if y := t.Year(); y < 1 || y > 9999 {
		return "", fmt.Errorf("%w: a date in the year %d", files.ErrValue, y)
	}
	return t.Format(time.RFC3339Nano), nil
}

// parseFields reads [('a', '<f4'), ('b', '<i4', (2,))].
func parseFields(dtype string) (out []field, err error) {
	p := &literal{rest: dtype}
	p.expect("[")
	for p.err == nil && !p.accept("]") {
		p.expect("(")
		f := field{name: p.text(), count: 1}
		p.expect(",")
		if strings.HasPrefix(p.rest, "[") {
			return nil, fmt.Errorf("%w: records inside records", files.ErrFormat)
		}
		f.dtype = p.text()
		if p.accept(",") && !strings.HasPrefix(p.rest, ")") {
			for _, d := range p.tuple() {
				if f.count *= d; d < 1 || d > files.MaxClasses || f.count > files.MaxClasses {
					return nil, fmt.Errorf("%w: field %s of %d values", files.ErrTooLarge, f.name, f.count)
				}
			}
		}
		p.expect(")")
		if f.width = widthOf(f.dtype); f.width == 0 {
			if _, ok := dateUnit(f.dtype); ok {
				f.width = 8
			} else if kind, size := kindOf(f.dtype); kind == 'V' && f.padding() && size > 0 && size < maxRecordBytes {
				f.width = size
			} else if p.err == nil {
				return nil, fmt.Errorf("%w: field %s of type %s", files.ErrFormat, f.name, files.Quoted(f.dtype))
			}
		}
		if out = append(out, f); len(out) > files.MaxClasses {
			return nil, fmt.Errorf("%w: more than %d fields", files.ErrTooLarge, files.MaxClasses)
		}
		if !p.accept(",") {
			p.expect("]")
			break
		}
	}
	return out, p.err
}
