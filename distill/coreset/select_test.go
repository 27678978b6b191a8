package coreset

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
)

func TestNearestOfClustersConforms(t *testing.T) {
	m, err := DefaultClusters().With(map[string]string{"publish": "nearest"})
	if err != nil {
		t.Fatal(err)
	}
	distilltest.Run(t, m)
}

// On a line with mean 3: the nearest to 3 is 2.5; two of mean 3 want 6 - 2.5 =
// 3.5, so 4; three want 9 - 6.5 = 2.5, so 1.5; four want 12 - 8 = 4, so 6.
func TestHerdingByHand(t *testing.T) {
	x := [][]float32{{1}, {1.5}, {2.5}, {4}, {6}}
	got, err := herd(context.Background(), x, 5)
	if err != nil || !slices.Equal(got, []int{2, 3, 1, 4, 0}) {
		t.Errorf("picked %v, error %v, want 2.5, 4, 1.5, 6, 1", got, err)
	}
}

// From the middle of a line: its far end, the near end, then the widest gap.
func TestKCenterByHand(t *testing.T) {
	x := [][]float32{{0}, {1}, {4}, {6}, {10}}
	got, err := farthestFirst(context.Background(), x, 5)
	if err != nil || !slices.Equal(got, []int{2, 4, 0, 3, 1}) {
		t.Errorf("picked %v, error %v, want the middle, 10, 0, 6, 1", got, err)
	}
	same := [][]float32{{1}, {1}, {1}}
	if got, err := farthestFirst(context.Background(), same, 3); err != nil || len(got) != 3 || got[0]+got[1]+got[2] != 3 {
		t.Errorf("of equal rows picked %v, error %v, want each once", got, err)
	}
}

// What real-image methods publish is real, and they say so; centroids are not.
func TestRealSamplesAreDeclared(t *testing.T) {
	local := distilltest.Samples(data.Shape{C: 1, H: 12, W: 12}, 4, []int{1, 2}, 80)
	nearest := DefaultClusters()
	nearest.Publish = PublishNearest
	for name, c := range map[string]struct {
		m    distill.Method
		real bool
	}{"herding": {Herding{}, true}, "k-center": {KCenter{}, true}, "nearest": {nearest,
		true}, "centroids": {DefaultClusters(), false}} {
		for _, factor := range []int{1, 2} {
			r, err := c.m.Distill(context.Background(), distill.Request{Samples: local, IPC: 1, Formation: factor})
			if err != nil {
				t.Fatal(err)
			}
			d, err := distill.Disclose(context.Background(), r.Images, local, r.Formation)
			if err != nil {
				t.Fatal(err)
			}
			if d.ContainsReal() != c.real || c.real && (r.SmallestGroup != 1 || d.NearestReal() != 0) {
				t.Errorf("%s, factor %d: nearest_real %.3f, smallest group %d", name, factor, d.NearestReal(), r.SmallestGroup)
			}
		}
	}
}

// 38 samples in one blob and two far away: the smallest cluster has two, and is
// filled up with its nearest others unless that is not wanted.
func TestSmallClustersAreFilledUp(t *testing.T) {
	local := distilltest.Samples(data.Shape{C: 1, H: 2, W: 2}, 1, []int{0}, 40)
	for i := range 2 {
		for j := range local.Row(i) {
			local.Row(i)[j] += 100
		}
	}
	for _, least := range []int{1, 10, 1000} {
		m := DefaultClusters()
		m.LeastGroup = least
		r, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: 2})
		if err != nil {
			t.Fatal(err)
		}
		far := max(r.Images.X[0], r.Images.X[4])
		want, group := map[int]float32{1: 100, 10: 20, 1000: 5}[least], max(2, min(least, 40))
		if r.SmallestGroup != group || far < want-3 || far > want+3 {
			t.Errorf("least_group=%d: smallest group %d, far centroid at %.1f; want %d at about %.0f", least, r.SmallestGroup,
				far, group, want)
		}
	}
}

func TestTilesNeedAsManySamples(t *testing.T) {
	local := distilltest.Samples(data.Shape{C: 1, H: 4, W: 4}, 1, []int{0}, 40)
	if _, err := (Herding{}).Distill(context.Background(),
		distill.Request{Samples: local, IPC: 11, Formation: 2}); !errors.Is(err, distill.ErrTooFew) {
		t.Errorf("44 tiles of 40 samples: %v", err)
	}
}
