// Package mat reads the variables of MATLAB files of level 5, which MATLAB
// saves as versions 5, 6 and 7 and SciPy's savemat by default, of both byte
// orders, compressed or not. Versions 4 and 7.3 are recognized and refused.
//
// Files are untrusted: memory grows with the bytes that are read, and the
// size, number and nesting of values is bounded, what decompresses included.
package mat

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Limits bound the cost of a file. A zero field means its default.
type Limits struct {
	// Bytes bounds the memory of all values together; default 2 GiB.
	Bytes int64
	// Variables bounds how many there are, cells and fields included; default
	// 2^20.
	Variables int
	// Depth bounds how deep cells and structs are nested; default 16.
	Depth int
}

func (l Limits) orDefault() Limits {
	if l.Bytes == 0 {
		l.Bytes = 2 << 30
	}
	if l.Variables == 0 {
		l.Variables = 1 << 20
	}
	if l.Depth == 0 {
		l.Depth = 16
	}
	return l
}

// Variable is one array of a file, or a field of a struct.
type Variable struct {
	// Name is its name; of a field, that of the struct, a dot and the field's.
	Name string
	// Dims are its dimensions, at least two; the first varies fastest.
	Dims []int
	// Class is double, single, int8 to uint64, logical, char, cell, struct,
	// sparse, object, function or opaque.
	Class string
	// DType is the type in which numbers are stored, as NumPy writes it, such as
	// "|u1" or "<f8". It may be smaller than the class: MATLAB stores small whole
	// numbers of class double in bytes.
	DType string
	// Data are the numbers, column-major.
	Data []byte
	// Text are the rows of a char array, those of several rows without the spaces
	// that fill them up; or the texts of a cell array that holds nothing else.
	Text []string
	// Cells are what a cell array holds, column-major, without names.
	Cells []Variable
	// Skipped says why a variable was not read; it then has no values.
	Skipped string
}

const (
	headerSize = 128
	usual      = "the file may be damaged or another kind of file: compare its sha-256 with the source, or fetch it again"
	saveOlder  = "save it as another version, in MATLAB with save(name, '-v7'), or with scipy.io.savemat"
)

// Decode reads all variables, in order. A scalar struct is given as its fields.
// What the reader does not know (complex and sparse arrays, struct arrays,
// objects, functions) is among the variables and says why it was Skipped.
// Errors are of type *files.Error and wrap files.ErrFormat, files.ErrTruncated,
// files.ErrTrailing, files.ErrTooLarge or what r answers.
func Decode(r io.Reader, limit Limits) ([]Variable, error) {
	d := &decoder{limit: limit.orDefault(), raw: &counter{r: r}}
	vars, err := d.decode()
	var known *files.Error
	switch {
	case err == nil:
		return vars, nil
	case errors.As(err, &known):
		return nil, known
	}
	hint := usual
	if errors.Is(err, files.ErrTooLarge) {
		hint = "save fewer samples, numbers as arrays rather than cells, and as uint8 or single rather than double"
	}
	return nil, files.Error{Offset: d.raw.n}.Because(err, hint)
}

// counter counts what was read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// decoder reads one file.
type decoder struct {
	raw   *counter
	order binary.ByteOrder
	limit Limits
	used  int64 // of limit.Bytes
	count int   // of limit.Variables
}

// charge counts memory before it is allocated.
func (d *decoder) charge(n int64) error {
	if n < 0 || n > d.limit.Bytes-d.used {
		return fmt.Errorf("%w: want values of at most %d bytes together", files.ErrTooLarge, d.limit.Bytes)
	}
	d.used += n
	return nil
}

func (d *decoder) decode() ([]Variable, error) {
	if err := d.readHeader(); err != nil {
		return nil, err
	}
	var all []Variable
	for {
		var tag [8]byte
		switch _, err := io.ReadFull(d.raw, tag[:]); {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return nil, orTruncated(err)
		}
		kind, size := d.order.Uint32(tag[:]), int64(d.order.Uint32(tag[4:]))
		vars, err := d.readTop(kind, size)
		if err != nil {
			return nil, err
		}
		for _, v := range vars {
			if v.Name == "" && v.Skipped == "" {
				v = Variable{Dims: v.Dims, Class: v.Class, Skipped: "data of MATLAB's class system"}
			}
			all = append(all, v)
		}
	}
}

// readHeader recognizes the version.
func (d *decoder) readHeader() error {
	var head [headerSize]byte
	n, err := io.ReadFull(d.raw, head[:])
	refuse := func(version string) error {
		cause := fmt.Errorf("%w: a MATLAB file of version %s", files.ErrFormat, version)
		return &files.Error{Place: files.Whole, Err: cause, Hint: saveOlder}
	}
	switch {
	case bytes.HasPrefix(head[:n], []byte("\x89HDF\r\n\x1a\n")) || bytes.HasPrefix(head[:n], []byte("MATLAB 7.3 ")):
		return refuse("7.3 (HDF5)")
	case n >= 20 && isVersion4(head[:20]):
		return refuse("4")
	case err != nil:
		return orTruncated(err)
	}
	switch string(head[126:]) {
	case "IM":
		d.order = binary.LittleEndian
	case "MI":
		d.order = binary.BigEndian
	default:
		return fmt.Errorf("%w: no MATLAB file", files.ErrFormat)
	}
	if version := d.order.Uint16(head[124:]); version>>8 != 1 {
		return refuse(fmt.Sprintf("%d.%d", version>>8, version&0xff))
	}
	return nil
}

// isVersion4 reports whether a file starts as one without a header: with the
// type of a matrix, below 5000 in either byte order, and a length of its name.
func isVersion4(head []byte) bool {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		kind, imaginary, name := order.Uint32(head), order.Uint32(head[12:]), order.Uint32(head[16:])
		if kind < 5000 && kind/100%10 == 0 && kind%100/10 <= 5 && kind%10 <= 2 && imaginary <= 1 && name > 1 && name < 1<<10 {
			return true
		}
	}
	return false
}

// Types of elements.
const (
	typeInt8       = 1
	typeUint8      = 2
	typeUint16     = 4
	typeInt32      = 5
	typeUint32     = 6
	typeMatrix     = 14
	typeCompressed = 15
	typeUTF8       = 16
	typeUTF16      = 17
	typeUTF32      = 18
)

// readTop reads an element at the top level.
func (d *decoder) readTop(kind uint32, size int64) ([]Variable, error) {
	e := &element{d: d, r: d.raw, left: size}
	switch kind {
	case typeMatrix:
		vars, err := e.readMatrix("", 0)
		if err != nil {
			return nil, err
		}
		return vars, e.drain()
	case typeCompressed:
	default:
		return nil, fmt.Errorf("%w: an element of type %d, want an array", files.ErrFormat, kind)
	}
	packed := &io.LimitedReader{R: d.raw, N: size}
	z, err := zlib.NewReader(packed)
	if err != nil {
		return nil, packedError(err)
	}
	inner := &element{d: d, r: z, left: 8}
	kind, n, _, err := inner.readTag()
	if err != nil {
		return nil, packedError(err)
	}
	if kind != typeMatrix {
		return nil, fmt.Errorf("%w: a compressed element of type %d, want an array", files.ErrFormat, kind)
	}
	inner.left = n
	vars, err := inner.readMatrix("", 0)
	if err == nil && inner.left == 0 { // a wrong checksum is detected here
		switch got, end := z.Read(make([]byte, 1)); {
		case got > 0:
			err = fmt.Errorf("%w of a compressed array", files.ErrTrailing)
		case end != io.EOF:
			err = end
		}
	}
	if err != nil {
		return nil, packedError(err)
	}
	_, err = io.Copy(io.Discard, packed)
	if err == nil && packed.N > 0 {
		err = files.ErrTruncated
	}
	return vars, err
}

// packedError gives an error of the library its kind.
func packedError(err error) error {
	var corrupt flate.CorruptInputError
	known := []error{zlib.ErrHeader, zlib.ErrChecksum, zlib.ErrDictionary}
	if errors.As(err, &corrupt) || slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) }) {
		return fmt.Errorf("%w: %w", files.ErrFormat, err)
	}
	return orTruncated(err)
}

func orTruncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return files.ErrTruncated
	}
	return err
}
