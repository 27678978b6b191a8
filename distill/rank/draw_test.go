package rank

import (
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/train/data"
)

// blobsPool is all real samples of the task.
func blobsPool(t *testing.T) (*data.Dataset, pool) {
	t.Helper()
	ds := blobs(t)
	all, err := data.LoadAll(ds.Task, ds.Train)
	if err != nil {
		t.Fatal(err)
	}
	return ds, poolOf(ds.Task, all)
}

func TestRandomImagesAreAsManyOfEachClassAsEachClientStores(t *testing.T) {
	ds, p := blobsPool(t)
	c := candidate(t, ds, coreset.Herding{}, 3, 2, artifact.U8)
	// The second client lacks the first class.
	lacking := *c.Sets[1]
	lacking.Manifest.Counts = []int{0, 3, 5}
	c.Sets[1] = &lacking
	first, err := p.draw(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	var counts []int
	for _, members := range first.ByClass() {
		counts = append(counts, len(members))
	}
	if !slices.Equal(counts, []int{3, 6, 8}) {
		t.Errorf("drew %v", counts)
	}
	again, err := p.draw(c, 1)
	if err != nil || !slices.Equal(first.X, again.X) {
		t.Errorf("the same seed draws otherwise, %v", err)
	}
	if other, err := p.draw(c, 2); err != nil || slices.Equal(first.X, other.X) {
		t.Errorf("another seed draws the same, %v", err)
	}
	lacking.Manifest.Counts = []int{0, 3, 500}
	if _, err := p.draw(c, 1); !errors.Is(err, distill.ErrTooFew) {
		t.Errorf("500 of 80 samples: %v", err)
	}
}

func TestRandomImagesOfTheSameBytesWeighNoMore(t *testing.T) {
	ds, p := blobsPool(t)
	for _, pixels := range []artifact.PixelType{artifact.U4, artifact.U8, artifact.F16, artifact.F32, artifact.DCT} {
		c := candidate(t, ds, coreset.Herding{}, 4, 1, pixels)
		made, err := p.written(t.Context(), c.Sets[0], c.Bytes[0], 1)
		if err != nil {
			t.Fatal(err)
		}
		if made.Payload > c.Sets[0].Payload && pixels != artifact.DCT {
			t.Errorf("%s: %d bytes of payload, the set has %d", pixels, made.Payload, c.Sets[0].Payload)
		}
		least := map[artifact.PixelType]int{artifact.F16: 23, artifact.F32: 45, artifact.U4: 12, artifact.U8: 12,
			artifact.DCT: 1}[pixels]
		if made.Samples.Len() < least-2 {
			t.Errorf("%s: %d images, want about %d", pixels, made.Samples.Len(), least)
		}
		samples, _, err := p.sameBytes(t.Context(), c, 1)
		if err != nil || samples.Len() != made.Samples.Len() {
			t.Errorf("%s: %v", pixels, err)
		}
	}
}

func TestLabelsAreSolvedForTheSameNumberOfImages(t *testing.T) {
	ds, p := blobsPool(t)
	c := candidate(t, ds, coreset.Herding{}, 2, 2, artifact.U8)
	got, err := p.solve(t.Context(), c, "1", 3)
	if err != nil || got.Len() != 12 || got.Soft == nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhitenedImagesAreJudgedOnWhitenedOnes(t *testing.T) {
	p := small(t, Hard)
	p.Recipe.ZCA = true
	p.Models, p.Augmented, p.ByBytes, p.Trials, p.References = []string{"mlp"}, false, false, 1, 1
	p.Candidates = []Candidate{candidate(t, p.Data, coreset.Herding{}, 8, 1, artifact.F32)}
	r := ranked(t, t.Context(), p, t.TempDir()).Rows[0]
	if r.AccSynOwn.Mean < 0.45 { // of three classes
		t.Errorf("whitened: %v", *r.AccSynOwn)
	}
	p.Candidates[0].Sets[0].Manifest.Recipe = &p.Recipe.Train
	banded := p.Recipe.at(0.1)
	banded.Band = 40
	p.Candidates[0].Sets[0].Manifest.Recipe = &banded
	if err := p.Check(); !errors.Is(err, ErrPlan) {
		t.Errorf("whitened images of few frequencies: %v", err)
	}
}
