// Package torch reads PyTorch files (.pt, .pth) of plain tensors, and executes nothing in them:
// package pickle looks names up in a closed table. It writes such files of one tensor.
//
// Both formats are read: zip archives (PyTorch 1.6 and later) and the stream of pickles and
// storages before it. Files are untrusted: the number of tensors, of entries and of bytes, the
// ratio of compression, and the place of every value in its storage are checked before memory
// is allocated.
package torch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/pickle"
)

// Tensor is an array of numbers, row-major and little-endian.
type Tensor struct {
	Dims []int
	// DType is the type of a value as NumPy writes it: "<f4". Values of bfloat16 arrive as "<f4".
	DType string
	Data  []byte
}

// File is what a PyTorch file holds.
type File struct {
	// Value is what was saved: a *Tensor, or a value as of package pickle with *Tensor in it.
	Value any
	// Extra are the additional files below extra/ in an archive, by name: PyTorch leaves them
	// unread.
	Extra map[string][]byte
}

// Limits bound the cost of a file. A zero field means its default.
type Limits struct {
	Bytes   int64 // of all tensors, and of all storages and additional files; default files.MaxBytes
	Tensors int   // default 4096
	Pickle  int64 // bytes of the pickle, and of its values in memory; default 16 MiB
}

func (l Limits) orDefault() Limits {
	if l.Bytes == 0 {
		l.Bytes = files.MaxBytes
	}
	if l.Tensors == 0 {
		l.Tensors = 4096
	}
	if l.Pickle == 0 {
		l.Pickle = 16 << 20
	}
	return l
}

// maxSteps bounds the instructions of a pickle.
const maxSteps = 1 << 22

// Hints.
const (
	damaged = "the file may be damaged, or not be one of torch.save: save it again"
	plainly = "save plain tensors: torch.save(images.detach().cpu().clone(), 'images.pt'), and labels likewise"
	smaller = "save only images and labels"
)

// legacyMagic begins the files of PyTorch before 1.6: a pickle of a magic number.
var legacyMagic = []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.")

// Is reports whether a file is one of PyTorch, by its content; size is its length.
func Is(r io.ReaderAt, size int64) bool {
	if isLegacy(r) {
		return true
	}
	a, err := open(r, size, Limits{}.orDefault())
	return err == nil && a.prefix != "" || errors.Is(err, pickle.ErrObject)
}

func isLegacy(r io.ReaderAt) bool {
	head := make([]byte, len(legacyMagic))
	_, err := r.ReadAt(head, 0)
	return (err == nil || err == io.EOF) && bytes.Equal(head, legacyMagic)
}

// Read reads a file of so many bytes. Errors are of type *files.Error: they wrap
// pickle.ErrObject, files.ErrFormat, files.ErrTruncated, files.ErrTrailing, files.ErrTooLarge or
// what r answers.
func Read(r io.ReaderAt, size int64, limit Limits) (*File, error) {
	limit = limit.orDefault()
	var out *File
	var err error
	if isLegacy(r) {
		out, err = readLegacy(io.NewSectionReader(r, 0, size), limit)
	} else {
		out, err = readArchive(r, size, limit)
	}
	if err == nil {
		return out, nil
	}
	var known *files.Error
	if !errors.As(err, &known) {
		known = &files.Error{Place: files.Whole, Err: err}
	}
	fixed := *known
	switch {
	case fixed.Hint != "" && !errors.Is(err, pickle.ErrObject):
	case errors.Is(err, pickle.ErrObject):
		fixed.Hint = plainly
	case errors.Is(err, files.ErrTooLarge):
		fixed.Hint = smaller
	default:
		fixed.Hint = damaged
	}
	return nil, &fixed
}

// decode reads a pickle, and says in which part of the file it is.
func decode(r *bufio.Reader, part string, limit Limits) (any, error) {
	v, err := pickle.DecodeTorch(r, pickle.Limits{Bytes: limit.Pickle, Steps: maxSteps})
	var known *files.Error
	if errors.As(err, &known) && known.Place == "" {
		out := *known
		out.Place, out.Hint = fmt.Sprintf("%s, byte %d", part, out.Offset), ""
		return nil, &out
	}
	return v, err
}

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{files.ErrFormat}, args...)...)
}

func tooLarge(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{files.ErrTooLarge}, args...)...)
}
