package graph

import (
	"fmt"

	"gorgonia.org/tensor"
)

// Reference evaluates expressions in float64 with the operations' reference
// definitions: slow, and used to check every kernel and derivative.
// feeds holds the values of the inputs.
func Reference(feeds map[*Node][]float64, outputs ...*Node) ([][]float64, error) {
	values := make(map[*Node]Array)
	seen := make(map[*Node]bool)
	var failed error
	for _, y := range outputs {
		walk(y, seen, func(n *Node) {
			shape := n.Shape()
			if v, ok := feeds[n]; ok || operationOf(n) == nil {
				if len(v) != shape.TotalSize() {
					failed = fmt.Errorf("evaluate %s: %d values for shape %v", n.Name(), len(v), shape)
				}
				values[n] = Array{shape, v}
				return
			}
			if failed == nil {
				values[n] = evaluate(operationOf(n), shape, values)
			}
		})
	}
	if failed != nil {
		return nil, failed
	}
	out := make([][]float64, len(outputs))
	for i, y := range outputs {
		out[i] = values[y].Data
	}
	return out, nil
}

func evaluate(op *applied, shape tensor.Shape, values map[*Node]Array) Array {
	in := make([]Array, len(op.in))
	for i, child := range op.in {
		in[i] = values[child]
	}
	out := Array{shape, make([]float64, shape.TotalSize())}
	op.Reference(in, out)
	return out
}
