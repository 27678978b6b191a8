package graph

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// LogSoftmaxOp works on the rows of a matrix.
type LogSoftmaxOp struct{}

// LogSoftmax is x - log(sum exp x) along each row of a matrix.
func LogSoftmax(x *Node) *Node { return apply(LogSoftmaxOp{}, x) }

// Softmax is exp x / sum exp x along each row of a matrix.
func Softmax(x *Node) *Node { return Exp(LogSoftmax(x)) }

// CrossEntropy is the mean over rows of -sum(target log softmax(logits)).
// target holds one distribution per row: one-hot for hard labels. The result is
// one value, 1 x 1.
func CrossEntropy(logits, target *Node) *Node {
	return Scale(Sum(Mul(target, LogSoftmax(logits))), -1/float64(logits.Shape()[0]))
}

func (LogSoftmaxOp) String() string { return "logsoftmax" }

// Shape implements Operation.
func (LogSoftmaxOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	if len(in[0]) != 2 {
		return nil, fmt.Errorf("shape %v is no matrix", in[0])
	}
	return in[0].Clone(), nil
}

// Derive: with y = x - log(sum exp x), dx = g - softmax(x) sum(g).
func (LogSoftmaxOp) Derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{Sub(grad, Mul(Exp(out), SumTo(grad, tensor.Shape{in[0].Shape()[0], 1})))}
}

// Reference implements Operation.
func (LogSoftmaxOp) Reference(in []Array, out Array) {
	rows, cols := in[0].Shape[0], in[0].Shape[1]
	for i := range rows {
		x, most, sum := in[0].Data[i*cols:(i+1)*cols], math.Inf(-1), 0.0
		for _, v := range x {
			most = max(most, v)
		}
		for _, v := range x {
			sum += math.Exp(v - most)
		}
		for j, v := range x {
			out.Data[i*cols+j] = v - most - math.Log(sum)
		}
	}
}
