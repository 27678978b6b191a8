package federated

import (
	"fmt"
	"math"
	"testing"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/nn"
)

// naive is every strategy in float64, written from the papers: gradients by the
// engine's plain reference, the server's c moved by the clients' changes, a_i
// as a sum over its steps.
type naive struct {
	t       *testing.T
	net     *nn.Network
	clients []*data.Samples
	c       Config
}

type values = []float64

func (n naive) gradient(at values, s *data.Samples, batch []int) (out values) {
	g := graph.New()
	x, y := graph.Input(g, "x", len(batch), s.Shape.C, s.Shape.H, s.Shape.W), graph.Input(g, "y", len(batch), s.Classes)
	params := n.net.Inputs(g)
	grads, err := graph.Grad(graph.CrossEntropy(n.net.Logits(g, x, params), y), params...)
	if err != nil {
		n.t.Fatal(err)
	}
	feeds := map[*graph.Node][]float64{y: make(values, len(batch)*s.Classes)}
	for i, from := range batch {
		for _, v := range s.Row(from) {
			feeds[x] = append(feeds[x], float64(v))
		}
		feeds[y][i*s.Classes+s.Y[from]] = 1
	}
	rest := at
	for i, p := range n.net.Params {
		feeds[params[i]], rest = rest[:p.Len()], rest[p.Len():]
	}
	parts, err := graph.Reference(feeds, grads...)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// local is a client's y and K.
func (n naive) local(client, round int, x, c, own values) (y values, steps int) {
	s, y, u := n.clients[client], append(values{}, x...), make(values, len(x))
	order := train.NewOrder(n.c.clientSeed(client), s.Len(), n.c.Batch)
	steps = n.c.LocalSteps(s.Len())
	for k := range steps {
		for i, g := range n.gradient(y, s, order.Batch(round*steps+k)) {
			u[i] = n.c.Momentum*u[i] + g + n.c.WeightDecay*y[i] + n.c.Mu*(y[i]-x[i])
			y[i] -= n.c.LR * (u[i] + c[i] - own[i])
		}
	}
	return y, steps
}

// run is the model after all rounds.
func (n naive) run() values {
	size, all := n.net.NumParams(), 0
	x, c, own := wide(initial(n.net, n.c.Seed)), make(values, size), map[int]values{}
	var active []int
	for i, s := range n.clients {
		active, all, own[i] = append(active, i), all+s.Len(), make(values, size)
		if n.c.RandomControls {
			own[i] = wide(initial(n.net, n.c.controlSeed(i)))
		}
	}
	if n.c.RandomControls {
		c = wide(initial(n.net, n.c.controlSeed(-1)))
	}
	for round := range n.c.Rounds {
		chosen, total := n.c.choose(active, round), 0.0
		for _, i := range chosen {
			total += float64(n.clients[i].Len())
		}
		next, change, effort := make(values, size), make(values, size), 0.0
		for _, i := range chosen {
			p := float64(n.clients[i].Len()) / total
			y, steps := n.local(i, round, x, c, own[i])
			norm := 1.0
			if n.c.Strategy == FedNova {
				norm = 0
				for k := range steps { // the k-th gradient, and what momentum makes of it later
					for later := range steps - k {
						norm += math.Pow(n.c.Momentum, float64(later))
					}
				}
				effort += p * norm
			}
			for j := range next {
				next[j] += p * (y[j] - x[j]) / norm
				if n.c.Strategy == SCAFFOLD {
					fresh := own[i][j] - c[j] + (x[j]-y[j])/(float64(steps)*n.c.LR)
					change[j] += float64(n.clients[i].Len()) / float64(all) * (fresh - own[i][j])
					own[i][j] = fresh
				}
			}
		}
		for j := range x {
			if n.c.Strategy == FedNova {
				next[j] *= effort
			}
			x[j] += next[j]
			c[j] += change[j]
		}
		if n.c.RandomControls && round == 0 { // the server's own start was no mean of the clients'
			clear(c)
			for i, s := range n.clients {
				for j, v := range own[i] {
					c[j] += float64(s.Len()) / float64(all) * v
				}
			}
		}
	}
	return x
}

func wide(v []float32) values {
	out := make(values, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

func TestStrategiesMatchTheReference(t *testing.T) {
	clients := skewed(fewer([]int{7, 3, 9}, []int{12, 5, 20})...)
	net := network(t, "mlp", table, classes)
	for name, c := range variants() {
		for _, momentum := range []float64{0, 0.9} {
			c.Momentum, c.WeightDecay, c.LR = momentum, 1e-2, 0.02
			t.Run(fmt.Sprintf("%s/momentum=%v", name, momentum), func(t *testing.T) {
				got, want, moved := flat(mustRun(t, net, clients, c, Options{}).Model), naive{t, net, clients, c}.run(), 0.0
				start, off := initial(net, c.Seed), 0.0
				for i, v := range want {
					off = max(off, math.Abs(v-float64(got[i])))
					moved = max(moved, math.Abs(v-float64(start[i])))
				}
				if off > 1e-4*moved || moved < 0.01 {
					t.Errorf("%g off, where training moved values by up to %g", off, moved)
				}
			})
		}
	}
}
