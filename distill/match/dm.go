// Package match holds the methods that optimize images so that a random network
// gives the same embeddings (dm) or gradients (dc, dsa) for them as for real
// ones.
package match

import (
	"context"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/nn"
)

// DM is distribution matching (Zhao and Bilen 2023) on tiles: images of a class
// are moved so that the mean embedding of a batch of them meets that of a real
// batch, in a fresh random ConvNet at every iteration:
//
//	loss = sum over classes of |mean f(real) - mean f(tiles)|^2
//
// The recipe is DM2 of federated-recipes.md 2.
type DM struct{ Matching }

// DefaultDM has the settings that suit the request: for tiles those of the measured
// recipe, with four times the iterations at half the rate, and tiles that start from random samples averaged
// with their neighbors. On 5,000 held-out training images of MNIST, ten clients
// of two classes, twenty stored images, two seeds, LeNet then read 92.7 +-0.9 and
// ConvNetD3 95.5 +-0.3; from centroids 89.5 +-1.3 and 95.1 +-0.4 (three seeds;
// all of whole images: docs/methods.md has the view of tiles); for
// coefficients of a code those of docs/bytes.md.
func DefaultDM() DM {
	return DM{Matching{Beta1: 0.9, Beta2: 0.99, BitWeight: 0.1, Start: tiling.Suitable,
		Formation: tiling.UsualFormation, Augment: tiling.Suitable, View: tiling.Suitable}}
}

// Name implements distill.Method.
func (DM) Name() string { return "dm" }

// Version implements distill.Method.
func (DM) Version() int { return 5 }

// Summary implements distill.Method.
func (DM) Summary() string {
	return "distribution matching in random ConvNets, of coefficients or of four tiles per image; for training " +
		"networks on images of at least 8 x 8"
}

func (m *DM) options() distill.Options {
	return m.Matching.options(tiling.Augmentations...)
}

// Settings implements distill.Method.
func (m DM) Settings() map[string]string { return m.options().Settings() }

// With implements distill.Method.
func (m DM) With(settings map[string]string) (distill.Method, error) {
	err := m.options().Set(m.Name(), settings)
	return m, err
}

// Distill implements distill.Method.
func (m DM) Distill(ctx context.Context, req distill.Request) (*distill.Result, error) {
	return distilBy(ctx, m, req)
}

func (m DM) matching() Matching { return m.Matching }

func (DM) objective() objective { return embeddings{} }

func (DM) inner() inner { return inner{} }

// embeddings are matched by DM: what the last layer reads.
type embeddings struct{}

// unread: the last layer's weight and bias.
func (embeddings) unread() int { return 2 }

func (embeddings) sums(net *nn.Network, images, _ *graph.Node, params []*graph.Node) ([]*graph.Node, error) {
	f := net.Features(images, params)
	return []*graph.Node{graph.SumTo(f, []int{1, f.Shape()[1]})}, nil
}

// distance is |a - b|^2.
func (embeddings) distance(a, b []*graph.Node) *graph.Node {
	d := graph.Sub(a[0], b[0])
	return graph.Sum(graph.Mul(d, d))
}
