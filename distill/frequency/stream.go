package frequency

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/spectrum"
)

// Causes of refusal.
var (
	// ErrStream means that bytes are not the stream of any levels.
	ErrStream = errors.New("stream of levels")
	// ErrRate means that a stream takes more bytes than it may.
	ErrRate = errors.New("coded images take too many bytes")
)

// Encode writes the levels [N,K] of images of classes as a stream. It fails with
// ErrCode where a level exceeds spectrum.MaxLevel, or their number does not fit the labels.
//
// Images of a class help to predict each other, best where they stand together.
func (t *Coder) Encode(levels []int32, labels []int) ([]byte, error) {
	if len(levels) != len(labels)*t.Len() || len(labels) == 0 {
		return nil, fmt.Errorf("%w: %d levels for %d images of %d", ErrCode, len(levels), len(labels), t.Len())
	}
	for i, q := range levels {
		if q < -spectrum.MaxLevel || q > spectrum.MaxLevel {
			return nil, fmt.Errorf("%w: level %d is %d, want %d at most", ErrCode, i, q, spectrum.MaxLevel)
		}
	}
	e, m := newEncoder(), newModel(t.model)
	row := make([]int32, t.Len())
	for i, label := range labels {
		copy(row, levels[i*t.Len():])
		m.image(e, row, label)
	}
	return e.close(), nil
}

// Decode reads the levels [N,K] of images of classes. It fails with ErrStream for
// bytes that Encode did not write for these labels. Time and memory are in proportion to
// the levels that the stream holds, at most 12,000 a byte, not to those that the
// labels announce.
func (t *Coder) Decode(stream []byte, labels []int) ([]int32, error) {
	levels := []int32(nil)
	err := t.decode(bytes.NewReader(stream), len(stream), slices.Values(labels), func(row []int32) {
		levels = append(levels, row...)
	})
	if err != nil {
		return nil, err
	}
	return levels, nil
}

// Check fails where Decode would, for a stream of size bytes, and keeps the levels of one
// image at a time.
func (t *Coder) Check(stream io.Reader, size int, labels iter.Seq[int]) error {
	return t.decode(bufio.NewReader(stream), size, labels, func([]int32) {})
}

// decode passes on the levels of one image after the other.
func (t *Coder) decode(in io.ByteReader, size int, labels iter.Seq[int], image func([]int32)) error {
	var d *decoder
	m, row, n := newModel(t.model), make([]int32, t.Len()), 0
	for label := range labels {
		if d == nil {
			d = newDecoder(in, size)
		}
		if n++; !m.image(d, row, label) {
			return fmt.Errorf("%w: %d bytes end in image %d", ErrStream, size, n)
		}
		image(row)
	}
	if d == nil {
		return fmt.Errorf("%w: no images", ErrStream)
	}
	if !d.whole() {
		return fmt.Errorf("%w: %d bytes do not end with the levels of %d images", ErrStream, size, n)
	}
	return nil
}

// mostDead is the largest dead zone, which leaves hardly any level.
const mostDead = 1 << 8

// Fit writes coefficients [N,K] of images of classes as a stream of at most so many
// bytes; 0 is no limit. Levels are the nearest ones if those fit; else
//
//	q = sign(c) floor(max(0, |c| / step + 1/2 - dead))
//
// with the least dead zone that fits: of equal numbers of bytes, small levels are worth
// less than others. It fails with ErrRate when not even zeros fit.
func (t *Coder) Fit(coefficients []float32, labels []int, most int) ([]byte, error) {
	stream, err := t.Encode(t.Quantize(coefficients), labels)
	if err != nil || most <= 0 || len(stream) <= most {
		return stream, err
	}
	low, high := 0.0, 0.5
	for {
		if stream, err = t.Encode(t.truncate(coefficients, high), labels); err != nil {
			return nil, err
		}
		if len(stream) <= most {
			break
		}
		if high >= mostDead {
			return nil, fmt.Errorf("%w: %d bytes, not %d", ErrRate, len(stream), most)
		}
		low, high = high, 2*high
	}
	for high-low > 1.0/256 {
		middle := (low + high) / 2
		shorter, err := t.Encode(t.truncate(coefficients, middle), labels)
		if err != nil {
			return nil, err
		}
		if len(shorter) > most {
			low = middle
		} else {
			high, stream = middle, shorter
		}
	}
	return stream, nil
}

// truncate rounds with a dead zone.
func (t *Coder) truncate(coefficients []float32, dead float64) []int32 {
	out := make([]int32, len(coefficients))
	for i, c := range coefficients {
		v := float64(c) / t.Steps()[i%t.Len()]
		q := math.Copysign(math.Floor(max(0, math.Abs(v)+0.5-dead)), v)
		out[i] = int32(max(-spectrum.MaxLevel, min(spectrum.MaxLevel, q)))
	}
	return out
}
