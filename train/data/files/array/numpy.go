package array

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// decodeNumPy reads one array and the end of its file. Numbers must be finite.
func decodeNumPy(r io.Reader) (*values, error) {
	b := bufio.NewReaderSize(cut{r}, maxNumPyHeader)
	h, err := readHeader(b)
	if err != nil {
		return nil, files.At(0, err)
	}
	v, n, width, err := newValues(h)
	if err != nil {
		return nil, err
	}
	if err := v.fill(b, n, width); err != nil {
		return nil, err
	}
	switch _, err := b.Peek(1); {
	case err == nil:
		return nil, files.At(int64(n)*int64(width), fmt.Errorf("%w of the array", files.ErrTrailing))
	case !errors.Is(err, errEnd): // a wrong checksum is detected here
		return nil, files.At(int64(n)*int64(width), err)
	}
	if h.fortran {
		v.rowMajor()
	}
	return v, nil
}

// valuesOf is the array stored in raw bytes, as in pickles and MATLAB files.
func valuesOf(name, dtype string, dims []int, fortran bool, content []byte) (*values, error) {
	v, n, width, err := newValues(&header{dtype: dtype, dims: dims})
	if err != nil {
		return nil, err
	}
	v.name = name
	if n*width != len(content) {
		return nil, &files.Error{Err: fmt.Errorf("%w: %d bytes for an array of %v", files.ErrTruncated, len(content), dims)}
	}
	if err := v.fill(bytes.NewReader(content), n, width); err != nil {
		return nil, err
	}
	if fortran {
		v.rowMajor()
	}
	return v, nil
}

// cut turns an early end of a file into an error of its own.
type cut struct{ io.Reader }

var errEnd = fmt.Errorf("%w", files.ErrTruncated)

func (c cut) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		return n, errEnd
	}
	return n, files.OrTruncated(err)
}
