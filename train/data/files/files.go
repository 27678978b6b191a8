// Package files reads what the files of others hold: IDX, CIFAR's binary
// records, tables (CSV), NumPy arrays and folders of pictures, gzip or not. It
// knows bytes, values and labels; what they mean to a task is package data's.
//
// Every reader is for files of any origin: sizes are checked before memory is
// taken for them, memory grows with what really arrives, what decompresses is
// bounded, and every error is an Error that says where and what to do.
package files

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// Limits of every reader.
const (
	maxBytes   = min(2<<30, math.MaxInt) // of values in memory, and of what one file may decompress to
	maxSide    = 1 << 24                 // of any dimension of a sample, and of their product
	maxClasses = 4096                    // different labels, as many as a task may have
)

// Part is labelled samples as a file, an archive or a folder holds them.
type Part struct {
	// Dims are the dimensions of one sample: [F] features, [H W] grey pixels,
	// [H W C] or [C H W]. Planar says that three of them are [C H W] for sure.
	Dims   []int
	Planar bool
	// Bytes are values of one byte each, Values all others; one of them is nil.
	Bytes  []byte
	Values []float32
	// White is the value of white where the format says it, as those of pictures
	// do; 0 where only the values tell.
	White float64
	// Labels are indices into Names, or plain class numbers when Names is nil.
	Labels []int
	Names  []string
	// Classes are all classes in order, when the file lists them.
	Classes []string
	// Where is the place of a sample, as an Error without its cause.
	Where func(sample int) Error
	// How says to people how the file was understood; may be empty.
	How string

	columns *columns // of a table
}

// Size is the number of values in one sample.
func (p *Part) Size() int {
	n := 1
	for _, d := range p.Dims {
		n *= d
	}
	return n
}

// read opens path, looks through gzip, and names the file in every error.
func read(path string, decode func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := ungzip(f)
	if err == nil {
		err = decode(r)
	}
	return named(path, err)
}

var gzipMagic = []byte{0x1f, 0x8b}

// ungzip returns the decompressed content when r starts like gzip, else r.
func ungzip(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if head, _ := buffered.Peek(len(gzipMagic)); bytes.Equal(head, gzipMagic) {
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, orTruncated(err)
		}
		z.Multistream(false)
		return &members{z, buffered}, nil
	}
	return buffered, nil
}

// members is the content of gzip streams that follow each other. Other bytes
// after a stream are ErrTrailing; the library would take them for a cut header.
type members struct {
	z *gzip.Reader
	b *bufio.Reader
}

func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.z.Read(p)
		switch {
		case err != io.EOF:
			return n, err
		case n > 0:
			return n, nil // the end comes again
		}
		switch head, _ := m.b.Peek(2); {
		case len(head) == 0:
			return 0, io.EOF
		case !bytes.Equal(head, gzipMagic):
			return 0, fmt.Errorf("%w of the gzip stream", ErrTrailing)
		}
		if err := m.z.Reset(m.b); err != nil {
			return 0, err
		}
		m.z.Multistream(false)
	}
}

// bounded fails with ErrTooLarge once more than left bytes were read.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLarge
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}

func orTruncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}
