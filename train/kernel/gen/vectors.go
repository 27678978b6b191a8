package main

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vectors writes the loops between products: every operation on rows of n
// values, any n. An operand is an array, or one value per row.
func vectors(s isa) {
	arithmetic(s)
	constants(s)
	multiplyAdds(s)
	gates(s)
	functions(s)
	rowSum(s, "rowSum", "writes the sum of each row of a", "a")
	dot(s)
	rowSum(s, "rowDot", "writes the sum of each row of a b", "ab")
}

// arithmetic is the four operations.
func arithmetic(s isa) {
	two := map[string]func(a, b, to reg.VecVirtual){
		"add": func(a, b, to reg.VecVirtual) { VADDPS(b, a, to) },
		"sub": func(a, b, to reg.VecVirtual) { VSUBPS(b, a, to) },
		"mul": func(a, b, to reg.VecVirtual) { VMULPS(b, a, to) },
		"div": func(a, b, to reg.VecVirtual) { VDIVPS(b, a, to) },
	}
	for _, name := range []string{"add", "sub", "mul", "div"} {
		f := func(in []reg.VecVirtual) reg.VecVirtual {
			to := s.vector()
			two[name](in[0], in[1], to)
			return to
		}
		rowLoop(s, name, name+"s a and b", "ab", f)
		rowLoop(s, name+"Value", name+"s a and one value b per row", "aB", f)
		if name == "sub" || name == "div" {
			rowLoop(s, name+"From", name+"s one value a per row and b", "Ab", f)
		}
	}
}

// constants is operations with numbers that are the same for all.
func constants(s isa) {
	rowLoop(s, "scale", "writes c a", "a=", func(in []reg.VecVirtual) reg.VecVirtual {
		VMULPS(in[1], in[0], in[0])
		return in[0]
	})
	rowLoop(s, "offset", "writes a + c", "a=", func(in []reg.VecVirtual) reg.VecVirtual {
		VADDPS(in[1], in[0], in[0])
		return in[0]
	})
	rowLoop(s, "affine", "writes c a + d", "a==", func(in []reg.VecVirtual) reg.VecVirtual {
		VFMADD213PS(in[2], in[1], in[0])
		return in[0]
	})
	rowLoop(s, "scaleAdd", "writes c a + b", "ab=", func(in []reg.VecVirtual) reg.VecVirtual {
		VFMADD213PS(in[1], in[2], in[0])
		return in[0]
	})
	rowLoop(s, "clamp", "writes a moved into c to d, NaN for NaN", "a==", func(in []reg.VecVirtual) reg.VecVirtual {
		VMAXPS(in[0], in[1], in[0]) // of NaN and a number, the instruction gives its last source: a
		VMINPS(in[0], in[2], in[0])
		return in[0]
	})
}

// multiplyAdds is a b + c in all forms that the graph asks for.
func multiplyAdds(s isa) {
	multiplyAdd := func(in []reg.VecVirtual) reg.VecVirtual {
		VFMADD213PS(in[2], in[1], in[0])
		return in[0]
	}
	rowLoop(s, "mulAdd", "writes a b + c", "abc", multiplyAdd)
	rowLoop(s, "mulValueAdd", "writes a b + c with one value b per row", "aBc", multiplyAdd)
	rowLoop(s, "mulValueAddValue", "writes a b + c with one value b and one value c per row", "aBC",
		func(in []reg.VecVirtual) reg.VecVirtual {
			VFMADD213PS(in[2], in[1], in[0])
			return in[0]
		})
}

// gates choose by sign.
func gates(s isa) {
	rowLoop(s, "gate", "writes a where b > 0, else 0", "ab", func(in []reg.VecVirtual) reg.VecVirtual {
		return s.where(s.positive(in[1]), in[0])
	})
	rowLoop(s, "relu", "writes max(0, a), NaN for NaN", "a", func(in []reg.VecVirtual) reg.VecVirtual {
		zero := s.vector()
		s.zero(zero)
		VMAXPS(in[0], zero, in[0]) // of NaN and zero, the instruction gives its last source: a
		return in[0]
	})
	rowLoop(s, "step", "writes 1 where a > 0, else 0", "a", func(in []reg.VecVirtual) reg.VecVirtual {
		one := s.vector()
		VMOVUPS(s.every(1), one)
		return s.where(s.positive(in[0]), one)
	})
}

// functions of one value.
func functions(s isa) {
	rowLoop(s, "root", "writes the square root of a", "a", func(in []reg.VecVirtual) reg.VecVirtual {
		VSQRTPS(in[0], in[0])
		return in[0]
	})
	rowLoop(s, "inverseRoot", "writes 1 / sqrt(a)", "a", func(in []reg.VecVirtual) reg.VecVirtual {
		one := s.vector()
		VSQRTPS(in[0], in[0])
		VMOVUPS(s.every(1), one)
		VDIVPS(in[0], one, in[0])
		return in[0]
	})
	rowLoop(s, "exp", "writes e^a", "a", func(in []reg.VecVirtual) reg.VecVirtual { return s.exp(in[0]) })
	rowLoop(s, "log", "writes the natural logarithm of a", "a",
		func(in []reg.VecVirtual) reg.VecVirtual { return s.log(in[0]) })
	rowLoop(s, "cosine2sine", "writes sqrt((1 - a)(1 + a))", "a", func(in []reg.VecVirtual) reg.VecVirtual {
		one, less := s.fill(1), s.fill(1)
		VSUBPS(in[0], less, less)
		VADDPS(in[0], one, one)
		VMULPS(one, less, less)
		VSQRTPS(less, less)
		return less
	})
	rowLoop(s, "supplement", "writes pi - arccos a", "a",
		func(in []reg.VecVirtual) reg.VecVirtual { return s.supplement(in[0]) })
}

// greater is VCMPPS's predicate "greater than, false for NaN".
const greater = 0x1e

// loopOver emits a loop over rows of n values: first once per row, then body for
// every whole vector at a byte offset and for the rest under a mask, then last.
func loopOver(s isa, rows, n reg.GPVirtual, first func(),
	body func(at reg.GPVirtual, load func(Mem) reg.VecVirtual,
		store func(reg.VecVirtual, Mem)), last func(bytes reg.GPVirtual)) {
	loopBody(s, rows, n, first, body, last)
	VZEROUPPER()
	RET()
}

// loopBody is loopOver without the return.
func loopBody(s isa, rows, n reg.GPVirtual, first func(),
	body func(at reg.GPVirtual, load func(Mem) reg.VecVirtual,
		store func(reg.VecVirtual, Mem)), last func(bytes reg.GPVirtual)) {
	bytes, whole, rest := GP64(), GP64(), GP64()
	MOVQ(n, rest)
	ANDQ(U32(s.lanes()-1), rest)
	MOVQ(n, whole)
	SUBQ(rest, whole)
	SHLQ(Imm(2), whole)
	MOVQ(n, bytes)
	SHLQ(Imm(2), bytes)
	m := s.mask(rest)
	Label("row")
	first()
	at := GP64()
	XORQ(at, at)
	CMPQ(at, whole)
	JGE(LabelRef("rest"))
	Label("vector")
	body(at, func(from Mem) reg.VecVirtual {
		v := s.vector()
		VMOVUPS(from, v)
		return v
	}, func(v reg.VecVirtual, to Mem) { VMOVUPS(v, to) })
	ADDQ(U32(s.bytes), at)
	CMPQ(at, whole)
	JL(LabelRef("vector"))
	Label("rest")
	TESTQ(rest, rest)
	JZ(LabelRef("next"))
	body(at, func(from Mem) reg.VecVirtual {
		v := s.vector()
		m.load(from, v)
		return v
	}, m.store)
	Label("next")
	last(bytes)
	DECQ(rows)
	JNZ(LabelRef("row"))
}

// rowLoop writes an operation that f computes in registers. operands has a
// letter each: small for an array, large for one value per row; equals signs at
// the end are constants, c and d.
func rowLoop(s isa, name, what, operands string, f func(in []reg.VecVirtual) reg.VecVirtual) {
	operands, more := strings.TrimRight(operands, "="), strings.Count(operands, "=")
	params, constants := strings.Split(strings.ToLower(operands), ""), []string{"c", "d"}[:more]
	scalars := ""
	if more > 0 {
		scalars = ", " + strings.Join(constants, ", ") + " float32"
	}
	TEXT(name+s.name, NOSPLIT|NOFRAME, fmt.Sprintf("func(rows, n int, dst, %s *float32%s)", strings.Join(params, ", "),
		scalars))
	Pragma("noescape")
	Doc(fmt.Sprintf("%s%s %s, for rows of n values, at least one of each.", name, s.name, what))
	rows, n, dst := argument("rows"), argument("n"), argument("dst")
	var pointers []reg.GPVirtual
	for _, p := range params {
		pointers = append(pointers, argument(p))
	}
	values := make([]reg.VecVirtual, len(params), len(params)+more)
	for _, name := range constants {
		c := s.vector()
		VBROADCASTSS(parameter(name), c)
		values = append(values, c)
	}
	isValue := func(i int) bool { return operands[i] < 'a' }
	loopOver(s, rows, n, func() {
		for i := range params {
			if isValue(i) {
				values[i] = s.vector()
				VBROADCASTSS(Mem{Base: pointers[i]}, values[i])
				ADDQ(Imm(4), pointers[i])
			}
		}
	}, func(at reg.GPVirtual, load func(Mem) reg.VecVirtual, store func(reg.VecVirtual, Mem)) {
		in := slices.Clone(values)
		for i := range params {
			if !isValue(i) {
				in[i] = load(Mem{Base: pointers[i], Index: at, Scale: 1})
			}
		}
		store(f(in), Mem{Base: dst, Index: at, Scale: 1})
	}, func(bytes reg.GPVirtual) {
		ADDQ(bytes, dst)
		for i := range params {
			if !isValue(i) {
				ADDQ(bytes, pointers[i])
			}
		}
	})
}

// rowSum adds up the values of each row, or their products, lane by lane, then
// the lanes.
func rowSum(s isa, name, what, operands string) {
	params := strings.Join(strings.Split(operands, ""), ", ")
	TEXT(name+s.name, NOSPLIT|NOFRAME, fmt.Sprintf("func(rows, n int, dst, %s *float32)", params))
	Pragma("noescape")
	Doc(fmt.Sprintf("%s%s %s, for rows of n values, at least one of each.", name, s.name, what))
	rows, n, dst, a := argument("rows"), argument("n"), argument("dst"), argument("a")
	b := a
	if len(operands) == 2 {
		b = argument("b")
	}
	sum := s.vector()
	loopOver(s, rows, n, func() { s.zero(sum) }, func(at reg.GPVirtual, load func(Mem) reg.VecVirtual,
		_ func(reg.VecVirtual, Mem)) {
		x := load(Mem{Base: a, Index: at, Scale: 1})
		if b == a {
			VADDPS(x, sum, sum)
			return
		}
		VFMADD231PS(load(Mem{Base: b, Index: at, Scale: 1}), x, sum)
	}, func(bytes reg.GPVirtual) {
		VMOVSS(s.addLanes(sum), Mem{Base: dst})
		ADDQ(Imm(4), dst)
		ADDQ(bytes, a)
		if b != a {
			ADDQ(bytes, b)
		}
	})
}

// dot adds up the products of two arrays and returns the sum.
func dot(s isa) {
	TEXT("dot"+s.name, NOSPLIT|NOFRAME, "func(n int, a, b *float32) float32")
	Pragma("noescape")
	Doc(fmt.Sprintf("dot%s is the sum of the products of n values, at least one.", s.name))
	n, a, b, rows, sum := argument("n"), argument("a"), argument("b"), GP64(), s.vector()
	MOVQ(U32(1), rows)
	result := XMM()
	loopBody(s, rows, n, func() { s.zero(sum) }, func(at reg.GPVirtual, load func(Mem) reg.VecVirtual,
		_ func(reg.VecVirtual, Mem)) {
		VFMADD231PS(load(Mem{Base: b, Index: at, Scale: 1}), load(Mem{Base: a, Index: at, Scale: 1}), sum)
	}, func(reg.GPVirtual) { VMOVAPS(s.addLanes(sum).AsX(), result) })
	Store(result, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// addLanes is the sum of a vector's lanes.
func (s isa) addLanes(v reg.VecVirtual) reg.VecVirtual {
	low := v
	if s.bytes == 64 {
		high := YMM()
		VEXTRACTF64X4(Imm(1), v, high)
		VADDPS(v.AsY(), high, high)
		low = high
	}
	half := XMM()
	VEXTRACTF128(Imm(1), low.AsY(), half)
	VADDPS(low.AsX(), half, half)
	VHADDPS(half, half, half)
	VHADDPS(half, half, half)
	return half
}

// loop repeats the body n times, n may be zero.
func loop(n reg.GPVirtual, body func()) {
	TESTQ(n, n)
	JZ(LabelRef("done"))
	Label("loop")
	body()
	DECQ(n)
	JNZ(LabelRef("loop"))
	Label("done")
}

// adam is one step of the optimizer; see AdamStep.
func adam(s isa) {
	TEXT("adam"+s.name, NOSPLIT|NOFRAME,
		"func(n int, w, grad, m, v *float32, rate, root, beta1, rest1, beta2, rest2, epsilon, decay float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("adam%s updates n vectors of %d values; rest1 and rest2 are 1 - beta1 and 1 - beta2.", s.name,
		s.lanes()))
	constant := func(name string) reg.VecVirtual {
		v := s.vector()
		VBROADCASTSS(parameter(name), v)
		return v
	}
	n, w, g, m, v := argument("n"), argument("w"), argument("grad"), argument("m"), argument("v")
	rate, root, epsilon, decay := constant("rate"), constant("root"), constant("epsilon"), constant("decay")
	beta1, rest1, beta2, rest2 := constant("beta1"), constant("rest1"), constant("beta2"), constant("rest2")
	loop(n, func() {
		value, gradient, first, second := s.vector(), s.vector(), s.vector(), s.vector()
		VMOVUPS(Mem{Base: w}, value)
		VMOVUPS(Mem{Base: g}, gradient)
		VFMADD231PS(decay, value, gradient)
		VMULPS(Mem{Base: m}, beta1, first)
		VFMADD231PS(rest1, gradient, first)
		VMOVUPS(first, Mem{Base: m})
		VMULPS(gradient, gradient, gradient)
		VMULPS(Mem{Base: v}, beta2, second)
		VFMADD231PS(rest2, gradient, second)
		VMOVUPS(second, Mem{Base: v})
		VSQRTPS(second, second)
		VFMADD213PS(epsilon, root, second)
		VMULPS(rate, first, first)
		VDIVPS(second, first, first)
		VSUBPS(first, value, value)
		VMOVUPS(value, Mem{Base: w})
		for _, p := range []reg.GPVirtual{w, g, m, v} {
			ADDQ(Imm(uint64(s.bytes)), p)
		}
	})
	VZEROUPPER()
	RET()
}

// momentum is one step of gradient descent with momentum; see Momentum.
func momentum(s isa) {
	TEXT("momentum"+s.name, NOSPLIT|NOFRAME, "func(n int, w, grad, u *float32, rate, momentum, decay float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("momentum%s updates n vectors of %d values.", s.name, s.lanes()))
	n, w, g, u := argument("n"), argument("w"), argument("grad"), argument("u")
	rate, keep, decay := s.vector(), s.vector(), s.vector()
	VBROADCASTSS(parameter("rate"), rate)
	VBROADCASTSS(parameter("momentum"), keep)
	VBROADCASTSS(parameter("decay"), decay)
	loop(n, func() {
		value, velocity := s.vector(), s.vector()
		VMOVUPS(Mem{Base: w}, value)
		VMOVUPS(Mem{Base: g}, velocity)
		VFMADD231PS(decay, value, velocity)
		VFMADD231PS(Mem{Base: u}, keep, velocity)
		VMOVUPS(velocity, Mem{Base: u})
		VFNMADD231PS(rate, velocity, value)
		VMOVUPS(value, Mem{Base: w})
		for _, p := range []reg.GPVirtual{w, g, u} {
			ADDQ(Imm(uint64(s.bytes)), p)
		}
	})
	VZEROUPPER()
	RET()
}
