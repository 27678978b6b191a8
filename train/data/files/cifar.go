package files

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxCIFARRecords bounds one file; the published ones hold 10,000 or 50,000.
const maxCIFARRecords = 100_000

// cifarPixels is the size of every CIFAR image: red, green and blue planes of
// 32 x 32, row-major.
const cifarPixels = 3 * 32 * 32

// CIFAR reads the files of one binary version of CIFAR, one after the other,
// and copies their decompressed content to sum. A record is the labels, one
// byte each, and 3072 bytes of pixels; there is no header. values says how many
// values each label byte may have; the last one is the class.
func CIFAR(paths []string, values []int, sum io.Writer) (*Part, error) {
	p := &Part{Dims: []int{3, 32, 32}, Planar: true, White: 255, Where: func(i int) Error { return Error{Path: paths[0], Place: fmt.Sprintf("record %d of all", i)} }}
	for i, path := range paths {
		err := read(path, func(r io.Reader) error { return decodeCIFAR(io.TeeReader(r, sum), values, p) })
		if err != nil {
			return nil, err
		}
		if i == 0 { // the files are of one size
			rest := len(paths) - 1
			p.Bytes, p.Labels = slices.Grow(p.Bytes, len(p.Bytes)*rest), slices.Grow(p.Labels, len(p.Labels)*rest)
		}
	}
	return p, nil
}

// decodeCIFAR appends the records of one file. Memory grows with what really
// arrives.
func decodeCIFAR(r io.Reader, values []int, p *Part) error {
	record := make([]byte, len(values)+cifarPixels)
	for n := range int64(maxCIFARRecords) {
		offset := n * int64(len(record))
		switch got, err := io.ReadFull(r, record); {
		case errors.Is(err, io.EOF) && n > 0:
			return nil
		case err != nil:
			return at(offset+int64(got), fmt.Errorf("%w (%d of %d bytes of record %d)", orTruncated(err), got, len(record), n))
		}
		for i, most := range values {
			if int(record[i]) >= most {
				return at(offset+int64(i), fmt.Errorf("%w: label %d of record %d, want 0..%d", ErrFormat, record[i], n, most-1))
			}
		}
		p.Labels = append(p.Labels, int(record[len(values)-1]))
		p.Bytes = append(p.Bytes, record[len(values):]...)
	}
	if _, err := io.ReadFull(r, record[:1]); errors.Is(err, io.EOF) {
		return nil
	}
	return at(maxCIFARRecords*int64(len(record)), fmt.Errorf("%w: more than %d records", ErrTooLarge, maxCIFARRecords))
}
