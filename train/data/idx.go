package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Magic numbers of the IDX format: unsigned bytes, three dimensions for
// images, one for labels.
const (
	idxImages = 2051
	idxLabels = 2049
)

// maxIDXBytes bounds what one IDX file may decompress to: 2 GiB.
const maxIDXBytes = 2 << 30

// Errors of the file readers, wrapped in a FileError.
var (
	ErrFormat    = errors.New("not in the expected format")
	ErrTruncated = errors.New("ends too early")
	ErrTrailing  = errors.New("has bytes after the end")
	ErrTooLarge  = errors.New("is larger than this reader accepts")
)

// FileError says what is wrong with a data file, where, and what to do.
type FileError struct {
	Path   string
	Offset int64 // in the decompressed content
	Err    error
	Hint   string
}

func (e *FileError) Error() string {
	return fmt.Sprintf("read %s: byte %d: %v", e.Path, e.Offset, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

// readIDXImages reads an IDX image file (big-endian: 2051, count, rows,
// columns, then a byte a pixel), gzip or not.
func readIDXImages(path string) (shape Shape, pixels []byte, err error) {
	err = withFile(path, func(r io.Reader) error {
		shape, pixels, err = decodeIDXImages(r)
		return err
	})
	return shape, pixels, err
}

// readIDXLabels reads an IDX label file (big-endian: 2049, count, then a byte
// a label), gzip or not.
func readIDXLabels(path string) (labels []int, err error) {
	err = withFile(path, func(r io.Reader) error {
		labels, err = decodeIDXLabels(r)
		return err
	})
	return labels, err
}

func decodeIDXImages(r io.Reader) (Shape, []byte, error) {
	var head [4]uint32
	if err := readHeader(r, head[:], idxImages); err != nil {
		return Shape{}, nil, err
	}
	shape := Shape{1, int(head[2]), int(head[3])}
	if err := shape.check(); err != nil {
		return Shape{}, nil, at(8, fmt.Errorf("%w: image of %w", ErrFormat, err))
	}
	pixels, err := readBody(r, 16, int64(head[1])*int64(shape.Size()))
	return shape, pixels, err
}

func decodeIDXLabels(r io.Reader) ([]int, error) {
	var head [2]uint32
	if err := readHeader(r, head[:], idxLabels); err != nil {
		return nil, err
	}
	body, err := readBody(r, 8, int64(head[1]))
	if err != nil {
		return nil, err
	}
	labels := make([]int, len(body))
	for i, b := range body {
		labels[i] = int(b)
	}
	return labels, nil
}

func readHeader(r io.Reader, head []uint32, magic uint32) error {
	for i := range head {
		var word [4]byte
		if n, err := io.ReadFull(r, word[:]); err != nil {
			return at(int64(4*i+n), orTruncated(err))
		}
		head[i] = binary.BigEndian.Uint32(word[:])
		if head[0] != magic {
			return at(0, fmt.Errorf("%w: starts with %d, an IDX file of this kind with %d", ErrFormat, head[0], magic))
		}
	}
	return nil
}

// readBody reads exactly want bytes and the end of the file. The buffer grows
// with what really arrives, so a lying header allocates nothing.
func readBody(r io.Reader, offset, want int64) ([]byte, error) {
	if want > maxIDXBytes {
		return nil, at(offset, fmt.Errorf("%w: header announces %d bytes", ErrTooLarge, want))
	}
	var buf bytes.Buffer
	if n, err := io.CopyN(&buf, r, want); err != nil {
		return nil, at(offset+n, fmt.Errorf("%w (%d of %d bytes)", orTruncated(err), n, want))
	}
	var extra [1]byte
	switch _, err := io.ReadFull(r, extra[:]); {
	case err == nil:
		return nil, at(offset+want, ErrTrailing)
	case err != io.EOF:
		return nil, at(offset+want, orTruncated(err))
	}
	return buf.Bytes(), nil
}

func orTruncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}

func at(offset int64, err error) error { return &FileError{Offset: offset, Err: err} }

// withFile opens path, looks through gzip, and names the file in every error.
func withFile(path string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := ungzip(f)
	if err == nil {
		err = read(r)
	}
	if err == nil {
		return nil
	}
	hint := "the file may be damaged or another kind of file: compare its sha-256 with the source, or fetch it again"
	var fe *FileError
	if errors.As(err, &fe) {
		return &FileError{Path: path, Offset: fe.Offset, Err: fe.Err, Hint: hint}
	}
	return &FileError{Path: path, Err: err, Hint: hint}
}

// ungzip returns the decompressed content when r starts like gzip, else r.
func ungzip(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if head, _ := buffered.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		return gzip.NewReader(buffered)
	}
	return buffered, nil
}
