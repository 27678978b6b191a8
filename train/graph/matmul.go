package graph

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// product is a matrix product, either side transposed where said.
type product struct{ transA, transB bool }

// MatMul is the matrix product a b.
func MatMul(a, b *Node) *Node { return Product(false, false, a, b) }

// Product is op(a) op(b), op being the transpose where asked.
func Product(transA, transB bool, a, b *Node) *Node { return apply(product{transA, transB}, a, b) }

func (o product) String() string { return attributes("product", o.transA, o.transB) }

func (o product) sizes(a, b tensor.Shape) (m, n, k, inner int) {
	m, k, inner, n = a[0], a[1], b[0], b[1]
	if o.transA {
		m, k = k, m
	}
	if o.transB {
		inner, n = n, inner
	}
	return m, n, k, inner
}

func (o product) shape(in []tensor.Shape) (tensor.Shape, error) {
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

// derive: with C = A B, dA = G B' and dB = A' G; a transposed factor takes the
// transposed derivative.
func (o product) derive(in []*Node, out, grad *Node) []*Node {
	a, b := in[0], in[1]
	da, db := Product(false, !o.transB, grad, b), Product(!o.transA, false, a, grad)
	if o.transA {
		da = Product(o.transB, true, b, grad)
	}
	if o.transB {
		db = Product(true, o.transA, grad, a)
	}
	return []*Node{da, db}
}

func (o product) bind(in []tensor.Shape, out tensor.Shape) run {
	m, n, k, _ := o.sizes(in[0], in[1])
	lda, ldb := in[0][1], in[1][1]
	return func(p *kernel.Pool, in [][]float32, out []float32) {
		p.Gemm(o.transA, o.transB, m, n, k, 1, in[0], lda, in[1], ldb, 0, out, n)
	}
}

func (o product) reference(in []Array, out Array) {
	m, n, k, _ := o.sizes(in[0].Shape, in[1].Shape)
	for i := range m {
		for j := range n {
			for l := range k {
				a, b := in[0].Data, in[1].Data
				x, y := i*k+l, l*n+j
				if o.transA {
					x = l*m + i
				}
				if o.transB {
					y = j*k + l
				}
				out.Data[i*n+j] += a[x] * b[y]
			}
		}
	}
}
