package graph

import (
	"errors"
	"fmt"
)

// ErrNotScalar means that the expression to differentiate has more than one value.
var ErrNotScalar = errors.New("more than one value")

// Grad is the derivative of y, a single value, with respect to each x, as new
// expressions of the xs' shapes. Grad of an expression of gradients gives
// second derivatives, and so on; calls keep no state. An x that
// y does not depend on has a derivative of zeros.
func Grad(y *Node, xs ...*Node) ([]*Node, error) {
	if y.Shape().TotalSize() != 1 {
		return nil, fmt.Errorf("derive an expression of shape %v: %w", y.Shape(), ErrNotScalar)
	}
	return Pullback(y, Fill(1, y), xs...)
}

// Pullback is the derivative of sum(seed y) with respect to each x: the product
// of seed with the Jacobian. seed has y's shape.
func Pullback(y, seed *Node, xs ...*Node) (derivatives []*Node, err error) {
	defer Catch(&err)
	if !sameShape(seed.Shape(), y.Shape()) {
		return nil, &ShapeError{"pullback", fmt.Errorf("seed %v for %v", seed.Shape(), y.Shape())}
	}
	order := between(y, xs)
	sums := map[*Node]*Node{y: seed}
	for i := len(order) - 1; i >= 0; i-- {
		n := order[i]
		grad, op := sums[n], operationOf(n)
		if grad == nil || op == nil {
			continue
		}
		for j, d := range op.Derive(op.in, n, grad) {
			if child := op.in[j]; d != nil {
				if before := sums[child]; before != nil {
					d = Add(before, d)
				}
				sums[child] = d
			}
		}
	}
	for _, x := range xs {
		if sums[x] == nil {
			sums[x] = Fill(0, x)
		}
		derivatives = append(derivatives, sums[x])
	}
	return derivatives, nil
}

// OperationOf is the operation of n, and its inputs; nil for an input.
func OperationOf(n *Node) (Operation, []*Node) {
	if op := operationOf(n); op != nil {
		return op.Operation, op.in
	}
	return nil, nil
}

// operationOf is the operation of n, or nil for an input.
func operationOf(n *Node) *applied {
	op, _ := n.Op().(*applied)
	return op
}

// between lists, inputs before users, the nodes on a path from any x to y.
func between(y *Node, xs []*Node) []*Node {
	leads := make(map[*Node]bool, len(xs)) // whether a node depends on an x
	for _, x := range xs {
		leads[x] = true
	}
	var order []*Node
	seen := make(map[*Node]bool)
	walk(y, seen, func(n *Node) {
		if op := operationOf(n); op != nil {
			for _, child := range op.in {
				leads[n] = leads[n] || leads[child]
			}
		}
		if leads[n] {
			order = append(order, n)
		}
	})
	return order
}

// Walk visits n and everything it depends on, inputs before users, each once;
// nodes in seen are skipped, and visited ones added.
func Walk(n *Node, seen map[*Node]bool, visit func(*Node)) { walk(n, seen, visit) }

// walk keeps its own stack: unrolled expressions are deep.
func walk(n *Node, seen map[*Node]bool, visit func(*Node)) {
	type frame struct {
		node *Node
		next int
	}
	if seen[n] {
		return
	}
	seen[n] = true
	stack := []frame{{node: n}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if op := operationOf(top.node); op != nil && top.next < len(op.in) {
			child := op.in[top.next]
			top.next++
			if !seen[child] {
				seen[child] = true
				stack = append(stack, frame{node: child})
			}
			continue
		}
		visit(top.node)
		stack = stack[:len(stack)-1]
	}
}
