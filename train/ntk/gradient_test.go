package ntk

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// gradient is the kernel K and its derivatives by c = n(x,s) and b = n(s,s), at
// a = n(x,x), where n(x,s) = 2 <x,s>/d + 0.01. It follows Pair layer by layer:
//
//	q = sqrt(max(ab - c^2, 1e-6 ab)), dk1/dc = k0, dk0/dc = 1/(2 pi q)
//	dk1/db = q/(4 pi b), dk0/db = -c/(4 pi b q); a and b grow by 0.01 per layer
//
// so that at depth 1 (edge-distillers 1.5)
//
//	dK/dc = 2 (k0 + c/(2 pi q)) + 2 k0, dK/db = q/(2 pi b) - c^2/(2 pi b q)
func gradient(depth int, a, b, c float64) (k, dc, db float64) {
	t := c
	cc, tc := 1., 1. // derivatives of c and t by the first c
	var cb, tb float64
	for range depth {
		r := math.Sqrt(a * b)
		cos := math.Min(math.Max(c/r, -1), 1)
		th := math.Acos(cos)
		q := math.Sqrt(math.Max(a*b-c*c, 1e-6*a*b))
		g := (math.Pi - th) / math.Pi // 2 k0
		w := t / (math.Pi * q)
		tb = g*tb + w*(cb-c/(2*b))
		cb = g*cb + q/(2*math.Pi*b)
		tb += cb
		tc = g*tc + w*cc + g*cc
		cc *= g
		c = r*(math.Sqrt(1-cos*cos)+(math.Pi-th)*cos)/math.Pi + biasVariance
		t = g*t + c
		a, b = a+biasVariance, b+biasVariance
	}
	return t, tc, tb
}

func TestGradientMatchesPublishedVectors(t *testing.T) {
	for _, v := range []struct{ a, b, c, dc, db float64 }{
		{2.01, 2.01, 1.01, 1.5201618989, 0.0911231833}, {2.01, 8.01, 2.01, 1.5182563718, 0.0458862868},
	} {
		_, dc, db := gradient(1, v.a, v.b, v.c)
		if math.Abs(dc-v.dc) > 1e-9 || math.Abs(db-v.db) > 1e-9 {
			t.Errorf("(%g, %g, %g): dK/dc %.10f, dK/db %.10f, want %.10f, %.10f", v.a, v.b, v.c, dc, db, v.dc, v.db)
		}
	}
}

func TestGradientAgreesWithPairAndFiniteDifferencesAtEveryDepth(t *testing.T) {
	n := func(x float64) float64 { return 2*x + biasVariance }
	for depth := 1; depth <= 6; depth++ {
		for _, v := range [][3]float64{{1, 1, .5}, {1, 1, 0}, {1, 1, -.9}, {1, 4, 1}, {.3, 2, .7}} {
			a, b, c := n(v[0]), n(v[1]), n(v[2])
			k, dc, db := gradient(depth, a, b, c)
			const h = 1e-6
			at := func(b, c float64) float64 { k, _, _ := gradient(depth, a, b, c); return k }
			numC, numB := (at(b, c+h)-at(b, c-h))/(2*h), (at(b+h, c)-at(b-h, c))/(2*h)
			if math.Abs(k-Pair(depth, v[0], v[1], v[2])) > 1e-12*math.Abs(k) {
				t.Errorf("depth %d, %v: K %.12f, Pair %.12f", depth, v, k, Pair(depth, v[0], v[1], v[2]))
			}
			if math.Abs(dc-numC) > 1e-7*(1+math.Abs(dc)) || math.Abs(db-numB) > 1e-7 {
				t.Errorf("depth %d, %v: dK/dc %.9f, dK/db %.9f, differences %.9f, %.9f", depth, v, dc, db, numC, numB)
			}
		}
	}
}

func TestGradientIsBoundedWhereInputsCoincide(t *testing.T) {
	for _, c := range []float64{2.01, 2.01 + 1e-15, -2.01, 2.02} {
		if _, dc, db := gradient(4, 2.01, 2.01, c); math.Abs(dc) > 1e5 || math.Abs(db) > 1e5 || math.IsNaN(dc+db) {
			t.Errorf("c = %g: dK/dc %g, dK/db %g", c, dc, db)
		}
	}
}

// reference is the loss of Regression and its gradients in float64, written
// down as in edge-distillers 1.3 and 1.5, without blocks or reuse.
func reference(p Problem, x, s, labels []float64, y []int) (loss float64, gs, gy []float64) {
	n, m, d, classes := p.Supports, p.Targets, p.Values, p.Classes
	nn := func(u, v []float64) float64 {
		sum := 0.
		for i := range u {
			sum += u[i] * v[i]
		}
		return weightVariance*sum/float64(d) + biasVariance
	}
	row := func(v []float64, i int) []float64 { return v[i*d : (i+1)*d] }
	kts, kss := mat.NewDense(m, n, nil), mat.NewSymDense(n, nil)
	trace := 0.
	for j := range n {
		for i := range m {
			k, _, _ := gradient(p.Depth, nn(row(x, i), row(x, i)), nn(row(s, j), row(s, j)), nn(row(x, i), row(s, j)))
			kts.Set(i, j, k)
		}
		// Exact on the diagonal, where cos rounded away from 1 would cost 1e-8.
		sj := (nn(row(s, j), row(s, j)) - biasVariance) / weightVariance
		kss.SetSym(j, j, float64(p.Depth+1)*(weightVariance*sj+biasVariance)+biasVariance*float64(p.Depth*(p.Depth+1))/2)
		for i := j + 1; i < n; i++ {
			k, _, _ := gradient(p.Depth, nn(row(s, i), row(s, i)), nn(row(s, j), row(s, j)), nn(row(s, i), row(s, j)))
			kss.SetSym(i, j, k)
		}
		trace += kss.At(j, j)
	}
	for j := range n {
		kss.SetSym(j, j, kss.At(j, j)+p.Lambda*trace/float64(n))
	}
	var chol mat.Cholesky
	if !chol.Factorize(kss) {
		panic("not positive definite")
	}
	var a, e, b, kg mat.Dense
	_ = chol.SolveTo(&a, mat.NewDense(n, classes, labels)) // condition warnings only
	e.Mul(kts, &a)
	for i := range m {
		for c := range classes {
			want := -1 / float64(classes)
			if y[i] == c {
				want++
			}
			e.Set(i, c, e.At(i, c)-want)
			loss += e.At(i, c) * e.At(i, c) / float64(2*m*classes)
		}
	}
	e.Scale(1/float64(m*classes), &e)
	kg.Mul(kts.T(), &e)
	_ = chol.SolveTo(&b, &kg)
	var dts, ba mat.Dense
	dts.Mul(&e, a.T())
	ba.Mul(&b, a.T())
	ridge := -p.Lambda / float64(n) * mat.Trace(&ba)
	gs = make([]float64, n*d)
	push := func(j int, by float64, u []float64, byOwn float64) {
		for i := range d {
			gs[j*d+i] += 2 / float64(d) * by * u[i]
			gs[j*d+i] += 4 / float64(d) * byOwn * s[j*d+i]
		}
	}
	for j := range n {
		for i := range m {
			_, dc, db := gradient(p.Depth, nn(row(x, i), row(x, i)), nn(row(s, j), row(s, j)), nn(row(x, i), row(s, j)))
			push(j, dts.At(i, j)*dc, row(x, i), dts.At(i, j)*db)
		}
		for i := range n {
			w := -ba.At(i, j) - ba.At(j, i)
			if i == j {
				push(j, 0, row(s, j), float64(p.Depth+1)*(ridge-ba.At(j, j)))
				continue
			}
			_, dc, db := gradient(p.Depth, nn(row(s, i), row(s, i)), nn(row(s, j), row(s, j)), nn(row(s, i), row(s, j)))
			push(j, w*dc, row(s, i), w*db)
		}
	}
	return loss, gs, b.RawMatrix().Data
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

func TestReferenceGradientMatchesFiniteDifferences(t *testing.T) {
	for _, depth := range []int{1, 2, 4} {
		p := Problem{Depth: depth, Targets: 14, Supports: 6, Values: 12, Classes: 3, Lambda: Lambda}
		targets, images, labels := problem(p)
		x, s, l := widen(targets.X), widen(images), widen(labels)
		_, gs, gy := reference(p, x, s, l, targets.Y)
		check := func(name string, at *float64, got float64) {
			const h = 1e-5
			old := *at
			*at = old + h
			up, _, _ := reference(p, x, s, l, targets.Y)
			*at = old - h
			down, _, _ := reference(p, x, s, l, targets.Y)
			*at = old
			if want := (up - down) / (2 * h); math.Abs(got-want) > 1e-7*(math.Abs(want)+.01) {
				t.Errorf("depth %d, %s: %.10g, differences give %.10g", depth, name, got, want)
			}
		}
		for i := range s {
			check("pixel", &s[i], gs[i])
		}
		for i := range l {
			check("label", &l[i], gy[i])
		}
	}
}
