package frequency

import (
	"errors"
	"fmt"
)

// ErrStream means that bytes are not the stream of any levels.
var ErrStream = errors.New("stream of levels")

// Encode writes the levels [N,K] of images of classes as a stream. It fails with
// ErrCode where a level exceeds MaxLevel, or their number does not fit the labels.
//
// Images of a class help to predict each other, best where they stand together.
func (t *Transform) Encode(levels []int32, labels []int) ([]byte, error) {
	if len(levels) != len(labels)*t.code.K || len(labels) == 0 {
		return nil, fmt.Errorf("%w: %d levels for %d images of %d", ErrCode, len(levels), len(labels), t.code.K)
	}
	for i, q := range levels {
		if q < -MaxLevel || q > MaxLevel {
			return nil, fmt.Errorf("%w: level %d is %d, want %d at most", ErrCode, i, q, MaxLevel)
		}
	}
	e, m := newEncoder(), newModel(t.model)
	row := make([]int32, t.code.K)
	for i, label := range labels {
		copy(row, levels[i*t.code.K:])
		m.image(e, row, label)
	}
	return e.close(), nil
}

// Decode reads the levels [N,K] of images of classes. It fails with ErrStream for
// bytes that Encode did not write for these labels. Time and memory are in proportion to
// the levels that the stream holds, at most 12,000 a byte, not to those that the
// labels announce.
func (t *Transform) Decode(stream []byte, labels []int) ([]int32, error) {
	if len(labels) == 0 {
		return nil, fmt.Errorf("%w: no images", ErrStream)
	}
	d, m := newDecoder(stream), newModel(t.model)
	row, levels := make([]int32, t.code.K), []int32(nil)
	for i, label := range labels {
		if !m.image(d, row, label) {
			return nil, fmt.Errorf("%w: %d bytes end in image %d of %d", ErrStream, len(stream), i+1, len(labels))
		}
		levels = append(levels, row...)
	}
	if !d.whole() {
		return nil, fmt.Errorf("%w: %d bytes do not end with the levels of %d images", ErrStream, len(stream), len(labels))
	}
	return levels, nil
}
