package spectrum

import (
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

// The order of coefficients is part of the format of written sets: it never changes.
func TestTheOrderOfCoefficientsIsTheSameForever(t *testing.T) {
	for _, c := range []struct {
		shape data.Shape
		first string // channel, row and column frequency of the first
		sum   uint64 // of all
	}{
		{data.Shape{C: 1, H: 28, W: 28}, "000 001 010 011 002 020 012 021 ", 0x3b658e67c405ee31},
		{data.Shape{C: 3, H: 32, W: 32}, "000 001 010 011 002 020 012 021 ", 0x9c65d0cc8107b50d},
		{data.Shape{C: 1, H: 9, W: 40}, "000 001 002 003 004 010 011 012 ", 0x3f5258083c42e81b},
	} {
		tr, err := Open(c.shape, c.shape.Size())
		if err != nil {
			t.Fatal(err)
		}
		all, first := fnv.New64a(), ""
		for i, p := range tr.Places() {
			place := fmt.Sprintf("%d%d%d ", p.C, p.U, p.V)
			fmt.Fprintf(all, "%d,%d,%d;", p.C, p.U, p.V)
			if i < 8 {
				first += place
			}
		}
		if first != c.first || all.Sum64() != c.sum {
			t.Errorf("%v: first %q, %#x in all", c.shape, first, all.Sum64())
		}
	}
}

// Limiting leaves the first coefficients alone and clears the others, for images one by one and together, in any
// number of goroutines.
func TestLimitingKeepsTheFirstCoefficients(t *testing.T) {
	for _, c := range codes {
		t.Run(c.name(), func(t *testing.T) {
			few, err := Open(c.Shape, c.K)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := Open(c.Shape, c.Shape.Size())
			if err != nil {
				t.Fatal(err)
			}
			size, images := c.Shape.Size(), noise(3*c.Shape.Size(), 4)
			limited := make([]float32, len(images))
			few.LimitAll(images, limited)
			before, err := whole.Forward(images)
			after, err2 := whole.Forward(limited)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			for i, v := range after {
				want := before[i]
				if i%size >= c.K {
					want = 0
				}
				if farthestApart([]float32{v}, []float32{want}) > 1e-4 {
					t.Fatalf("coefficient %d of an image is %g, want %g", i%size, v, want)
				}
			}
			var group sync.WaitGroup
			alone := make([]float32, len(images))
			for i := range 3 {
				group.Go(func() { few.Limit(images[i*size:(i+1)*size], alone[i*size:(i+1)*size]) })
			}
			group.Wait()
			if !slices.Equal(alone, limited) {
				t.Error("an image is limited otherwise alone than beside others")
			}
		})
	}
}
