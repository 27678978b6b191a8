package graph

import (
	"fmt"

	"gorgonia.org/tensor"
)

// ProductOp is a matrix product, with either side optionally transposed.
type ProductOp struct{ TransA, TransB bool }

// MatMul is the matrix product a b.
func MatMul(a, b *Node) *Node { return Product(false, false, a, b) }

// Product is op(a) op(b), op being the transpose if requested.
func Product(transA, transB bool, a, b *Node) *Node { return apply(ProductOp{transA, transB}, a, b) }

func (o ProductOp) String() string { return attributes("product", o.TransA, o.TransB) }

func (o ProductOp) sizes(a, b tensor.Shape) (m, n, k, inner int) {
	m, k, inner, n = a[0], a[1], b[0], b[1]
	if o.TransA {
		m, k = k, m
	}
	if o.TransB {
		inner, n = n, inner
	}
	return m, n, k, inner
}

// Shape implements Operation.
func (o ProductOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 2); err != nil {
		return nil, err
	}
	if len(in[0]) != 2 || len(in[1]) != 2 {
		return nil, fmt.Errorf("shapes %v and %v are no matrices", in[0], in[1])
	}
	m, n, k, inner := o.sizes(in[0], in[1])
	if k != inner {
		return nil, fmt.Errorf("inner sizes %d and %d", k, inner)
	}
	return tensor.Shape{m, n}, nil
}

// Derive: with C = A B, dA = G B' and dB = A' G; a transposed factor takes the
// transposed derivative.
func (o ProductOp) Derive(in []*Node, out, grad *Node) []*Node {
	a, b := in[0], in[1]
	da, db := Product(false, !o.TransB, grad, b), Product(!o.TransA, false, a, grad)
	if o.TransA {
		da = Product(o.TransB, true, b, grad)
	}
	if o.TransB {
		db = Product(true, o.TransA, grad, a)
	}
	return []*Node{da, db}
}

// Reference implements Operation.
func (o ProductOp) Reference(in []Array, out Array) {
	m, n, k, _ := o.sizes(in[0].Shape, in[1].Shape)
	for i := range m {
		for j := range n {
			for l := range k {
				a, b := in[0].Data, in[1].Data
				x, y := i*k+l, l*n+j
				if o.TransA {
					x = l*m + i
				}
				if o.TransB {
					y = j*k + l
				}
				out.Data[i*n+j] += a[x] * b[y]
			}
		}
	}
}
