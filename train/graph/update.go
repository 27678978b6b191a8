package graph

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"
)

// Rule is the kind of an update. Like an operation it defines its shapes and a
// float64 reference; it has no derivative.
type Rule interface {
	// String is the name with every attribute.
	fmt.Stringer
	// Check is an error unless the rule fits arrays of these shapes.
	Check(in []tensor.Shape) error
	// Writes are the indices of the arrays that the rule changes.
	Writes() []int
	// Reference changes the arrays in float64.
	Reference(in []Array)
}

// Update is a rule on given arrays: inputs, where it writes, and expressions.
type Update struct {
	Rule Rule
	In   []*Node
}

func (u Update) check(inputs map[*Node]bool) error {
	if err := u.Rule.Check(shapesOf(u.In)); err != nil {
		return &ShapeError{u.Rule.String(), err}
	}
	for _, i := range u.Rule.Writes() {
		if !inputs[u.In[i]] {
			return fmt.Errorf("update %s writes to %s: %w", u.Rule, u.In[i].Name(), ErrUnfed)
		}
	}
	return nil
}

// The rules of updates.
type (
	// AssignRule: target, value.
	AssignRule struct{}
	// DescendRule: target, from, direction, rate (1).
	DescendRule struct{}
	// MomentumRule: values, gradient, velocity, rates (3): rate, momentum, decay.
	MomentumRule struct{}
	// AdamRule: values, gradient, first and second moments, rates (6): those of
	// AdamRates. Decoupled is AdamW.
	AdamRule struct{ Decoupled bool }
	// ClampRule: values (N, C, ...), low (C), high (C).
	ClampRule struct{}
	// DistanceRule: sum (3), a, b.
	DistanceRule struct{ Squared bool }
)

// Assign sets target to value.
func Assign(target, value *Node) Update { return Update{AssignRule{}, []*Node{target, value}} }

// Descend sets target to from - rate direction; rate holds one value. From may be
// the target itself: plain SGD.
func Descend(target, from, direction, rate *Node) Update {
	return Update{DescendRule{}, []*Node{target, from, direction, rate}}
}

// Momentum is SGD with momentum in PyTorch's form, rates being learning rate,
// momentum m and weight decay:
//
//	u = m u + (g + decay w); w -= rate u
func Momentum(values, gradient, velocity, rates *Node) Update {
	return Update{MomentumRule{}, []*Node{values, gradient, velocity, rates}}
}

// Adam is a step of Adam (Kingma and Ba 2015) in PyTorch's form, rates being those
// of AdamRates:
//
//	g += decay w; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2
//	w -= rate m / (root sqrt(v) + epsilon)
func Adam(values, gradient, first, second, rates *Node) Update {
	return Update{AdamRule{}, []*Node{values, gradient, first, second, rates}}
}

// AdamW is Adam with decoupled weight decay (Loshchilov and Hutter 2019), the last of its
// rates being learning rate times weight decay: w *= 1 - decay, then Adam without decay.
func AdamW(values, gradient, first, second, rates *Node) Update {
	return Update{AdamRule{Decoupled: true}, []*Node{values, gradient, first, second, rates}}
}

// Clamp moves values (N, C, ...) into the range of their channel.
func Clamp(values, low, high *Node) Update { return Update{ClampRule{}, []*Node{values, low, high}} }

// Distance sets sum to the sum over all values of |a - b|, or of (a - b)^2, as three
// numbers that add up to it: a single float32 has too few digits.
func Distance(sum, a, b *Node, squared bool) Update {
	return Update{DistanceRule{squared}, []*Node{sum, a, b}}
}

// AdamRates are the numbers that Adam reads: the rate divided by 1 - beta1^t, and
// 1 / sqrt(1 - beta2^t), of step t counted from 1, beta1, beta2, epsilon and the
// weight decay.
func AdamRates(into *[6]float32, t int, rate, beta1, beta2, decay float64) {
	const epsilon = 1e-8
	*into = [6]float32{float32(rate / (1 - math.Pow(beta1, float64(t)))),
		float32(1 / math.Sqrt(1-math.Pow(beta2, float64(t)))),
		float32(beta1), float32(beta2), epsilon, float32(decay)}
}

// The moments' decay rates that Adam's authors propose.
const (
	Beta1 = 0.9
	Beta2 = 0.999
)

func (AssignRule) String() string     { return "assign" }
func (DescendRule) String() string    { return "descend" }
func (MomentumRule) String() string   { return "momentum" }
func (ClampRule) String() string      { return "clamp" }
func (r DistanceRule) String() string { return attributes("distance", r.Squared) }

// String implements fmt.Stringer.
func (r AdamRule) String() string {
	if r.Decoupled {
		return "adamw"
	}
	return "adam"
}

// Check implements Rule.
func (AssignRule) Check(in []tensor.Shape) error { return fits(in, 2, nil) }

// Check implements Rule.
func (DescendRule) Check(in []tensor.Shape) error { return fits(in, 3, tensor.Shape{1}) }

// Check implements Rule.
func (MomentumRule) Check(in []tensor.Shape) error { return fits(in, 3, tensor.Shape{3}) }

// Check implements Rule.
func (AdamRule) Check(in []tensor.Shape) error { return fits(in, 4, tensor.Shape{6}) }

// Check implements Rule.
func (ClampRule) Check(in []tensor.Shape) error {
	if len(in) != 3 || len(in[0]) < 2 || !sameShape(in[1], tensor.Shape{in[0][1]}) || !sameShape(in[2], in[1]) {
		return fmt.Errorf("shapes %v", in)
	}
	return nil
}

// Check implements Rule.
func (DistanceRule) Check(in []tensor.Shape) error {
	if len(in) != 3 || !sameShape(in[0], tensor.Shape{3}) || !sameShape(in[1], in[2]) {
		return fmt.Errorf("shapes %v", in)
	}
	return nil
}

// fits is an error unless there are n arrays of one shape, and one of the last
// shape where there is one.
func fits(in []tensor.Shape, n int, last tensor.Shape) error {
	all := n
	if last != nil {
		all++
	}
	if len(in) != all || last != nil && !sameShape(in[n], last) ||
		slices.ContainsFunc(in[:n], func(s tensor.Shape) bool { return !sameShape(s, in[0]) }) {
		return fmt.Errorf("shapes %v", in)
	}
	return nil
}

// Writes implements Rule.
func (AssignRule) Writes() []int { return []int{0} }

// Writes implements Rule.
func (DescendRule) Writes() []int { return []int{0} }

// Writes implements Rule.
func (MomentumRule) Writes() []int { return []int{0, 2} }

// Writes implements Rule.
func (AdamRule) Writes() []int { return []int{0, 2, 3} }

// Writes implements Rule.
func (ClampRule) Writes() []int { return []int{0} }

// Writes implements Rule.
func (DistanceRule) Writes() []int { return []int{0} }

// Reference implements Rule.
func (AssignRule) Reference(in []Array) { copy(in[0].Data, in[1].Data) }

// Reference implements Rule.
func (DescendRule) Reference(in []Array) {
	for i, d := range in[2].Data {
		in[0].Data[i] = in[1].Data[i] - in[3].Data[0]*d
	}
}

// Reference implements Rule.
func (MomentumRule) Reference(in []Array) {
	w, u, rates := in[0].Data, in[2].Data, in[3].Data
	for i, g := range in[1].Data {
		u[i] = rates[1]*u[i] + g + rates[2]*w[i]
		w[i] -= rates[0] * u[i]
	}
}

// Reference implements Rule.
func (r AdamRule) Reference(in []Array) {
	w, m, v, rates := in[0].Data, in[2].Data, in[3].Data, in[4].Data
	for i, g := range in[1].Data {
		if r.Decoupled {
			w[i] *= 1 - rates[5]
		} else {
			g += rates[5] * w[i]
		}
		m[i] = rates[2]*m[i] + (1-rates[2])*g
		v[i] = rates[3]*v[i] + (1-rates[3])*g*g
		w[i] -= rates[0] * m[i] / (rates[1]*math.Sqrt(v[i]) + rates[4])
	}
}

// Reference implements Rule.
func (ClampRule) Reference(in []Array) {
	channels := len(in[1].Data)
	area := in[0].Shape[2:].TotalSize()
	if len(in[0].Shape) == 2 {
		area = 1
	}
	for i, v := range in[0].Data {
		c := i / area % channels
		in[0].Data[i] = min(max(v, in[1].Data[c]), in[2].Data[c])
	}
}

// Reference implements Rule.
func (r DistanceRule) Reference(in []Array) {
	sum := 0.0
	for i, a := range in[1].Data {
		d := a - in[2].Data[i]
		if r.Squared {
			sum += d * d
		} else {
			sum += math.Abs(d)
		}
	}
	for i, part := range Split(sum) {
		in[0].Data[i] = float64(part)
	}
}

// Split is a number as the sum of three of single precision, exactly unless it is
// out of their range.
func Split(x float64) (parts [3]float32) {
	for i := range parts {
		parts[i] = float32(x)
		x -= float64(parts[i])
	}
	return parts
}

// Joined is the inverse of Split.
func Joined(parts [3]float32) float64 {
	return float64(parts[0]) + (float64(parts[1]) + float64(parts[2]))
}
