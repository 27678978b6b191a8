package artifact

import (
	"context"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/kip"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/ntk"
)

// A set with learned labels, as kip makes it, keeps them to the bit, says so in
// its manifest, and predicts the same alone as beside a set of hard labels whose
// classes it does not hold.
func TestLearnedLabelsSurviveWritingAndMerging(t *testing.T) {
	task := data.WellKnownTask("glyph-digits")
	local := distilltest.Samples(task.Shape, 10, []int{3, 4}, 40)
	k := kip.Default()
	k.Steps, k.Labels = 20, kip.Learned
	req := Request{Request: distill.Request{Samples: local, IPC: 2}, Task: task, Method: k,
		Settings: map[string]string{"steps": "20"}, Pixels: F32}
	r := of(t, req).result
	set, err := ReadSet(mustMake(t, req).Files, task, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if set.Manifest.Images.Labels != "soft" || set.Manifest.Consumer != "ntk:1" || !slices.Equal(set.Samples.Soft,
		r.Images.Soft) ||
		!slices.Equal(set.Samples.Y, r.Images.Y) || set.Manifest.Method.Settings["steps"] != "20" {
		t.Errorf("read back %+v with labels %v", set.Manifest, set.Samples.Soft)
	}
	files, hardTask := write(t, F32)
	hard, err := ReadSet(files, hardTask, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	merged, err := data.Merge(set.Samples, hard.Samples)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ntk.Fit(context.Background(), 1, merged)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Logits(context.Background(), merged)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, 10)
	for i := range merged.Len() {
		merged.RegressionTarget(i, want)
		for c, v := range want {
			if diff := out[i*10+c] - v; diff > .02 || diff < -.02 {
				t.Errorf("support %d, class %d: predicted %.4f, learned %.4f", i, c, out[i*10+c], v)
			}
		}
	}
}
