package parquet

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// unpacker decompresses pages. Memory grows with the bytes that are read.
type unpacker struct{ zstd *zstd.Decoder }

// maxWindow bounds how far back Zstandard refers, and so its memory besides the
// page; writers use at most 8 MiB unless told otherwise.
const maxWindow = 32 << 20

var codecs = []string{"no compression", "snappy", "gzip", "lzo", "brotli", "lz4 of Hadoop", "zstd", "lz4"}

// unpack decompresses data to exactly size bytes.
func (u *unpacker) unpack(codec int64, data []byte, size int64) (out []byte, err error) {
	if len(data) == 0 && size == 0 {
		return nil, nil
	}
	var r io.Reader
	switch codec {
	case 0:
		out = data
	case 1:
		// The library takes as much memory as the data announces. A copy of 64 bytes
		// needs three.
		n, err := snappy.DecodedLen(data)
		if err != nil || int64(n) != size || size > 32*int64(len(data)) {
			return nil, fmt.Errorf("%w: %d bytes of snappy that decompress to %d, want %d", files.ErrFormat, len(data), n, size)
		}
		if out, err = snappy.Decode(nil, data); err != nil {
			return nil, fmt.Errorf("%w: %w", files.ErrFormat, err)
		}
	case 2:
		if r, err = gzip.NewReader(bytes.NewReader(data)); err != nil {
			return nil, fmt.Errorf("%w: %w", files.ErrFormat, err)
		}
	case 6:
		if r, err = u.zstdReader(data); err != nil {
			return nil, fmt.Errorf("%w: %w", files.ErrFormat, err)
		}
	case 7:
		if out, err = unpackLZ4(data, size); err != nil {
			return nil, err
		}
	default:
		name := fmt.Sprintf("codec %d", codec)
		if codec > 0 && codec < int64(len(codecs)) {
			name = codecs[codec]
		}
		return nil, &files.Error{Err: fmt.Errorf("%w: pages compressed with %s", files.ErrFormat, name), Hint: saveFlat}
	}
	if r != nil {
		if out, err = readAll(r, size); err != nil {
			return nil, err
		}
	}
	if int64(len(out)) != size {
		return nil, fmt.Errorf("%w: a page that decompresses to %d bytes, want %d", files.ErrFormat, len(out), size)
	}
	return out, nil
}

// readAll reads size bytes and the end.
func readAll(r io.Reader, size int64) ([]byte, error) {
	out := make([]byte, 0, min(size, 1<<16))
	for int64(len(out)) < size {
		if len(out) == cap(out) {
			out = append(make([]byte, 0, min(size, 4*int64(len(out)))), out...)
		}
		n, err := io.ReadFull(r, out[len(out):cap(out)])
		if out = out[:len(out)+n]; err != nil {
			return nil, unpackError(err)
		}
	}
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return nil, fmt.Errorf("%w: a page that decompresses to more than %d bytes", files.ErrFormat, size)
	case err != io.EOF:
		return nil, unpackError(err)
	}
	return out, nil
}

// unpackLZ4 decompresses a block of LZ4: pieces of bytes, each with a copy of
// earlier ones behind it, except the last.
func unpackLZ4(data []byte, size int64) ([]byte, error) {
	if size > 256*int64(len(data)) {
		return nil, fmt.Errorf("%w: a page of %d bytes that decompresses to %d", files.ErrFormat, len(data), size)
	}
	out := make([]byte, 0, size)
	// long adds the bytes that continue a length of 15.
	long := func(n int64) int64 {
		for more := n == 15; more && len(data) > 0; data = data[1:] {
			n += int64(data[0])
			more = data[0] == 255
		}
		return n
	}
	for len(data) > 0 {
		token := data[0]
		data = data[1:]
		n := long(int64(token >> 4))
		if n > int64(len(data)) || n > size-int64(len(out)) {
			return nil, files.ErrTruncated
		}
		out, data = append(out, data[:n]...), data[n:]
		if len(data) == 0 {
			break
		}
		if len(data) < 2 {
			return nil, files.ErrTruncated
		}
		back := int(data[0]) | int(data[1])<<8
		data = data[2:]
		n = long(int64(token&15)) + 4
		if back == 0 || back > len(out) || n > size-int64(len(out)) {
			return nil, fmt.Errorf("%w: a copy from before the page", files.ErrFormat)
		}
		for range n {
			out = append(out, out[len(out)-back])
		}
	}
	return out, nil
}

func unpackError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return files.ErrTruncated
	}
	return fmt.Errorf("%w: %w", files.ErrFormat, err)
}

func (u *unpacker) zstdReader(data []byte) (io.Reader, error) {
	if u.zstd == nil {
		var err error
		options := []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow)}
		if u.zstd, err = zstd.NewReader(nil, options...); err != nil {
			return nil, err
		}
	}
	// Not a bytes.Buffer, of which the library decodes all at once.
	return u.zstd, u.zstd.Reset(io.MultiReader(bytes.NewReader(data)))
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}
