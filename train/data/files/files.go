// Package files holds what the readers of local data share: limits, errors with
// a place and a hint, folders and archives, labeled samples before a task is
// applied, and the account of what was read, left out and assumed. The readers
// are its inner packages; package data applies tasks.
//
// Every reader is for untrusted files: sizes are checked before memory is
// allocated, memory grows with the bytes that are read, decompression is bounded,
// and every error is an Error that says where and what to do.
package files

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Limits of every reader.
const (
	MaxBytes   = min(2<<30, math.MaxInt) // of values in memory, and of what one file may decompress to
	MaxValues  = 1 << 28                 // numbers in memory
	MaxSide    = 1 << 24                 // of any dimension of a sample, and of their product
	MaxClasses = 4096                    // different labels, as many as a task may have
)

// Part is labeled samples as a file, an archive or a folder holds them.
type Part struct {
	// Name is the name of the part in its file or folder: train, Test, val; empty
	// when there is one part.
	Name string
	// Dims are the dimensions of one sample: [F] features, [H W] grey pixels, or
	// [C H W] planes of pixels.
	Dims []int
	// One of these holds the values, row-major: whole numbers of 0 to 255,
	// single-precision numbers, or all others.
	Bytes   []byte
	Floats  []float32
	Doubles []float64
	// White is the value of white if the format defines it, else 0.
	White float64
	// Labels are indices into Names. Numbered reports that the names are
	// numbers, which the format counts from 0 or 1.
	Labels   []int
	Names    []string
	Numbered bool
	// Classes are all classes in order, when the file lists them.
	Classes []string
	// Features describe the columns of a table that names them.
	Features []Feature
	// Columns is how a table was read, so that its other parts are read alike.
	Columns any
	// Where is the place of a sample, as an Error without its cause.
	Where func(sample int) Error
}

// Size is the number of values in one sample.
func (p *Part) Size() int {
	n := 1
	for _, d := range p.Dims {
		n *= d
	}
	return n
}

// Len is the number of samples.
func (p *Part) Len() int { return len(p.Labels) }

// At is value i of all values of the part.
func (p *Part) At(i int) float64 {
	switch {
	case p.Bytes != nil:
		return float64(p.Bytes[i])
	case p.Floats != nil:
		return float64(p.Floats[i])
	}
	return p.Doubles[i]
}

// NumValues is the number of values of all samples.
func (p *Part) NumValues() int { return len(p.Bytes) + len(p.Floats) + len(p.Doubles) }

// Append joins the samples of another part of the same kind to this one.
func (p *Part) Append(q *Part) error {
	if !slices.Equal(p.Dims, q.Dims) {
		return &Error{Place: Whole, Err: fmt.Errorf("%w: samples of %v in %s, of %v in %s", ErrFormat, q.Dims, q.Name,
			p.Dims, p.Name),
			Hint: "leave a part out with --part NAME=ignore"}
	}
	if p.Bytes == nil || q.Bytes == nil {
		if a, b := p.most(), q.most(); len(p.Dims) > 1 && (p.Bytes == nil) != (q.Bytes == nil) && min(a, b) <= 1.001 &&
			max(a, b) > 16 {
			return &Error{Place: Whole, Err: fmt.Errorf("%w: pixels of 0 to %g in %s, of 0 to %g in %s", ErrValue, b,
				q.Name, a, p.Name),
				Hint: "save both with one white, or leave a part out with --part NAME=ignore"}
		}
		p.widen()
		q.widen()
	}
	p.Bytes, p.Doubles = append(p.Bytes, q.Bytes...), append(p.Doubles, q.Doubles...)
	own, where, other := len(p.Labels), p.Where, q.Where
	for _, y := range q.Labels {
		k := slices.Index(p.Names, q.Names[y])
		if k < 0 {
			k = len(p.Names)
			p.Names = append(p.Names, q.Names[y])
		}
		p.Labels = append(p.Labels, k)
	}
	if !strings.HasSuffix(p.Name, q.Name) {
		p.Name += "+" + q.Name
	}
	p.Numbered = p.Numbered && q.Numbered
	p.Where = func(i int) Error {
		if i < own {
			return where(i)
		}
		return other(i - own)
	}
	return nil
}

// most is the largest value.
func (p *Part) most() float64 {
	most := math.Inf(-1)
	for i := range p.NumValues() {
		most = max(most, p.At(i))
	}
	return most
}

// widen turns the values into doubles.
func (p *Part) widen() {
	if p.Doubles != nil {
		return
	}
	p.Doubles = make([]float64, p.NumValues())
	for i := range p.Doubles {
		p.Doubles[i] = p.At(i)
	}
	p.Bytes, p.Floats = nil, nil
}

// AddLabel appends the label of one more sample by name. seen maps the names to
// their indices; it fails beyond MaxClasses.
func (p *Part) AddLabel(name string, seen map[string]int) error {
	k, ok := seen[name]
	if !ok {
		if k = len(p.Names); k == MaxClasses {
			return fmt.Errorf("%w: more than %d different ones", ErrLabel, MaxClasses)
		}
		seen[name] = k
		p.Names = append(p.Names, name)
	}
	p.Labels = append(p.Labels, k)
	return nil
}
