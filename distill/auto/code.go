package auto

import (
	"errors"
	"fmt"
	"sort"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/frequency"
	"github.com/distillmesh/distillmesh/train/data"
)

// UsualBudget is the size in bytes of a set of learned images where nothing is asked for: half a
// kilobyte for each class held, at least one in all, and for photographs eight kilobytes a
// class; more for larger images.
func UsualBudget(s data.Shape, held int) int64 {
	perClass, of := 512, 784
	if s.C == 3 {
		perClass, of = 8192, 3072
	}
	return max(1024, int64(held)*int64(perClass)*int64(s.Size())/int64(of))
}

// spendCode decides what a set of coded images within a budget holds: as many images as
// random real ones would fit, which the control of the set then are, so that both have the
// same number of images and of bytes. It fails with distill.ErrBudget when not one per
// class fits.
func (w weigher) spendCode(bytes int64) (Spending, error) {
	w.set.Bare = artifact.TravelsBare(bytes)
	held := len(w.set.Samples.Held())
	if w.set.Pixels == artifact.DCT {
		w.set.IPC, w.set.Payload = 1, 1
		size, err := w.size()
		if err != nil {
			return Spending{}, err
		}
		w.set.Pixels = artifact.DCTOf(artifact.CodeFor(w.set.Samples.Shape, int(bytes-size)/held))
	}
	most, err := w.mostImages()
	if err != nil {
		return Spending{}, err
	}
	// Lengths grow with the number of images, but for chance: what is found fits.
	n, err := largest(most, func(n int) (bool, error) {
		size, err := w.coded(n)
		return size <= bytes, err
	})
	if err != nil {
		return Spending{}, err
	}
	if n == 0 {
		least, err := w.coded(1)
		return Spending{}, errors.Join(err, fmt.Errorf("%w: a set by %s of these %d classes as %s "+
			"takes about %d bytes, not %d", distill.ErrBudget, w.set.Method.Name(), held, w.set.Pixels, least, bytes))
	}
	w.set.IPC = n
	payload, err := largest(int(bytes), func(p int) (bool, error) {
		w.set.Payload = p
		size, err := w.size()
		return size <= bytes, err
	})
	if err != nil {
		return Spending{}, err
	}
	s := Spending{IPC: n, Formation: 1, Bare: w.set.Bare, Pixels: w.set.Pixels, Payload: payload,
		Bytes: bytes}
	s.Why = fmt.Sprintf("%d images per class as %s, in at most %d bytes", n, s.Pixels, s.Payload)
	if n == most {
		s.Why += ", as many as the smallest class allows"
	}
	if s.Bare {
		s.Why += "; no preview"
	}
	return s, nil
}

// largest is the largest number up to most for which fits holds, given that it holds for all
// smaller ones; 0 when there is none.
func largest(most int, fits func(n int) (bool, error)) (int, error) {
	var failed error
	n := sort.Search(most, func(i int) bool {
		ok, err := fits(i + 1)
		failed = errors.Join(failed, err)
		return err != nil || !ok
	})
	return n, failed
}

// size is that of the set as it stands.
func (w weigher) size() (int64, error) {
	o, err := w.set.Resolve()
	if err != nil {
		return 0, err
	}
	return w.set.Size(o)
}

// mostImages is how many images per class the samples and the method allow.
func (w weigher) mostImages() (int, error) {
	w.set.IPC = 1
	o, err := w.set.Resolve()
	if err != nil {
		return 0, err
	}
	return w.most(o), nil
}

// coded is what a set of n images per class weighs if they are random real ones.
func (w weigher) coded(n int) (int64, error) {
	code, err := w.set.Pixels.Code(w.set.Samples.Shape)
	if err != nil {
		return 0, err
	}
	index, err := coreset.Pick(w.set.Samples, n, w.set.Seed)
	if err != nil {
		return 0, err
	}
	w.set.IPC = n
	if w.set.Payload, err = frequency.Rate(*code, w.set.Samples.Subset(index)); err != nil {
		return 0, err
	}
	return w.size()
}
