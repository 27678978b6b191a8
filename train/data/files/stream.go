package files

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

var gzipMagic = []byte{0x1f, 0x8b}

// Ungzip returns the decompressed content when r starts like gzip, else r.
func Ungzip(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if head, _ := buffered.Peek(len(gzipMagic)); bytes.Equal(head, gzipMagic) {
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, OrTruncated(err)
		}
		z.Multistream(false)
		return &members{z, buffered}, nil
	}
	return buffered, nil
}

// members is the content of gzip streams that follow each other. Other bytes
// after a stream are ErrTrailing; the library would report a truncated header.
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
			return n, nil // the next read returns the end too
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

// Bounded fails with ErrTooLarge once more than left bytes were read.
func Bounded(r io.Reader, left int64) io.Reader { return &bounded{r, left} }

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

// ReadAll reads at most so many bytes.
func ReadAll(r io.Reader, most int64) ([]byte, error) {
	content, err := io.ReadAll(Bounded(r, most))
	if err != nil {
		return nil, At(int64(len(content)), OrTruncated(err))
	}
	return content, nil
}

// OrTruncated is ErrTruncated for an early end of file.
func OrTruncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}
