package files

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Magic numbers of the IDX format: unsigned bytes, three dimensions for
// images, one for labels.
const (
	idxImages = 2051
	idxLabels = 2049
)

// IDX reads a pair of IDX files, gzip or not. Images are big-endian: 2051,
// count, rows, columns, then a byte a pixel; labels 2049, count, then a byte a
// label.
func IDX(images, labels string) (*Part, error) {
	p := &Part{White: 255, Where: func(i int) Error { return Error{Path: labels, Offset: int64(8 + i)} }}
	err := read(images, func(r io.Reader) (err error) {
		p.Dims, p.Bytes, err = decodeIDXImages(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = read(labels, func(r io.Reader) (err error) {
		p.Labels, err = decodeIDXLabels(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	n := len(p.Bytes) / p.Size()
	if n == 0 {
		return nil, &Error{Path: images, Offset: 4, Err: fmt.Errorf("%w: no image in it, this part is empty", ErrFormat),
			Hint: "of a test part remove both files: some of the training samples are held out then"}
	}
	if n != len(p.Labels) {
		return nil, &Error{Path: labels, Offset: 4, Err: fmt.Errorf("%w: %d labels for %d images", ErrFormat, len(p.Labels), n),
			Hint: "the label file belongs to other images"}
	}
	return p, nil
}

// WriteIDXImages writes the decompressed image file that the part was read
// from: its hash tells well-known data.
func (p *Part) WriteIDXImages(w io.Writer) error {
	head := []uint32{idxImages, uint32(len(p.Labels)), uint32(p.Dims[0]), uint32(p.Dims[1])}
	if err := binary.Write(w, binary.BigEndian, head); err != nil {
		return err
	}
	_, err := w.Write(p.Bytes)
	return err
}

func decodeIDXImages(r io.Reader) (dims []int, pixels []byte, err error) {
	var head [4]uint32
	if err := readHeader(r, head[:], idxImages); err != nil {
		return nil, nil, err
	}
	h, w := int64(head[2]), int64(head[3])
	if h < 1 || w < 1 || h > maxSide || w > maxSide || h*w > maxSide {
		return nil, nil, at(8, fmt.Errorf("%w: images of %d x %d", ErrFormat, h, w))
	}
	pixels, err = readBody(r, 16, int64(head[1])*h*w)
	return []int{int(h), int(w)}, pixels, err
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
	if want > maxBytes {
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
