package ptxtest

import (
	"math"
	"math/bits"
)

// Registers hold 64 bits; numbers of fewer are in the lower ones, the rest is zero.

func real32(v uint64) float32 { return math.Float32frombits(uint32(v)) }

func word32(v float32) uint64 { return uint64(math.Float32bits(v)) }

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// reals are functions of floats.
func reals(f func(a, b, c float32) float32) func(a, b, c uint64) uint64 {
	return func(a, b, c uint64) uint64 { return word32(f(real32(a), real32(b), real32(c))) }
}

func words(f func(a, b, c uint32) uint32) func(a, b, c uint64) uint64 {
	return func(a, b, c uint64) uint64 { return uint64(f(uint32(a), uint32(b), uint32(c))) }
}

func wide(f func(x float64) float64) func(a, b, c uint64) uint64 {
	return func(a, _, _ uint64) uint64 { return word32(float32(f(float64(real32(a))))) }
}

// functions are the instructions that compute a value of up to three.
var functions = map[string]func(a, b, c uint64) uint64{
	"add.s32": words(func(a, b, _ uint32) uint32 { return a + b }), "sub.s32": words(func(a, b,
		_ uint32) uint32 {
		return a - b
	}),
	"mul.lo.s32": words(func(a, b, _ uint32) uint32 { return a * b }),
	"mad.lo.s32": words(func(a, b, c uint32) uint32 { return a*b + c }),
	"neg.s32":    words(func(a, _, _ uint32) uint32 { return -a }),
	"div.u32":    words(func(a, b, _ uint32) uint32 { return a / b }),
	"and.b32":    words(func(a, b, _ uint32) uint32 { return a & b }), "or.b32": words(func(a, b,
		_ uint32) uint32 {
		return a | b
	}),
	"xor.b32": words(func(a, b, _ uint32) uint32 { return a ^ b }),
	"shl.b32": words(func(a, b, _ uint32) uint32 { return a << b }), "shr.u32": words(func(a, b,
		_ uint32) uint32 {
		return a >> b
	}),
	"min.u32": words(func(a, b, _ uint32) uint32 { return min(a, b) }), "max.u32": words(func(a, b,
		_ uint32) uint32 {
		return max(a, b)
	}),
	"mul.hi.u32": words(func(a, b, _ uint32) uint32 { high, _ := bits.Mul32(a, b); return high }),
	"mov.u32":    words(func(a, _, _ uint32) uint32 { return a }),
	"mov.f32":    words(func(a, _, _ uint32) uint32 { return a }),

	"add.s64": func(a, b, _ uint64) uint64 { return a + b }, "sub.s64": func(a, b, _ uint64) uint64 { return a - b },
	"mul.lo.s64": func(a, b, _ uint64) uint64 { return a * b }, "mad.lo.s64": func(a, b, c uint64) uint64 {
		return a*b +
			c
	},
	"shl.b64": func(a, b, _ uint64) uint64 { return a << b }, "mov.u64": func(a, _, _ uint64) uint64 { return a },
	"mov.b64": func(a, _, _ uint64) uint64 { return a }, "cvt.u64.u32": func(a, _, _ uint64) uint64 { return a },
	"mul.wide.u32": func(a, b, _ uint64) uint64 { return uint64(uint32(a)) * uint64(uint32(b)) },
	"mul.wide.s32": func(a, b, _ uint64) uint64 { return uint64(int64(int32(a)) * int64(int32(b))) },

	"and.pred": func(a, b, _ uint64) uint64 { return a & b }, "or.pred": func(a, b, _ uint64) uint64 { return a | b },
	"not.pred": func(a, _, _ uint64) uint64 { return a ^ 1 }, "mov.pred": func(a, _, _ uint64) uint64 { return a & 1 },

	"add.f32": reals(func(a, b, _ float32) float32 { return a + b }), "add.rn.f32": reals(func(a, b,
		_ float32) float32 {
		return a + b
	}),
	"sub.f32": reals(func(a, b, _ float32) float32 { return a - b }), "sub.rn.f32": reals(func(a, b,
		_ float32) float32 {
		return a - b
	}),
	"mul.f32": reals(func(a, b, _ float32) float32 { return a * b }), "mul.rn.f32": reals(func(a, b,
		_ float32) float32 {
		return a * b
	}),
	"div.rn.f32": reals(func(a, b, _ float32) float32 { return a / b }),
	"fma.rn.f32": reals(func(a, b, c float32) float32 { return float32(math.FMA(float64(a), float64(b), float64(c))) }),
	"neg.f32":    reals(func(a, _, _ float32) float32 { return -a }),
	"abs.f32":    reals(func(a, _, _ float32) float32 { return float32(math.Abs(float64(a))) }),
	"max.f32":    reals(func(a, b, _ float32) float32 { return larger(a, b) }),
	"rcp.rn.f32": reals(func(a, _, _ float32) float32 { return 1 / a }),

	"sqrt.rn.f32": wide(math.Sqrt), "ex2.approx.f32": wide(math.Exp2), "lg2.approx.f32": wide(math.Log2),
	"rsqrt.approx.f32": wide(func(x float64) float64 { return 1 / math.Sqrt(x) }),
	"cvt.rmi.f32.f32":  wide(math.Floor), "cvt.rni.f32.f32": wide(math.RoundToEven),

	"cvt.rn.f32.u32":  func(a, _, _ uint64) uint64 { return word32(float32(uint32(a))) },
	"cvt.rn.f32.s32":  func(a, _, _ uint64) uint64 { return word32(float32(int32(a))) },
	"cvt.rzi.u32.f32": func(a, _, _ uint64) uint64 { return uint64(uint32(clamp(real32(a), 0, math.MaxUint32))) },
	"cvt.rzi.s32.f32": func(a, _, _ uint64) uint64 {
		return uint64(uint32(int32(clamp(real32(a), math.MinInt32, math.MaxInt32))))
	},

	"selp.f32": choose, "selp.b32": choose,

	"setp.lt.u32": unsigned(func(a, b uint32) bool { return a < b }), "setp.ge.u32": unsigned(func(a,
		b uint32) bool {
		return a >= b
	}),
	"setp.gt.u32": unsigned(func(a, b uint32) bool { return a > b }), "setp.eq.u32": unsigned(func(a,
		b uint32) bool {
		return a == b
	}),
	"setp.eq.s32": unsigned(func(a, b uint32) bool { return a == b }), "setp.ne.s32": unsigned(func(a,
		b uint32) bool {
		return a != b
	}),
	"setp.lt.s32": unsigned(func(a, b uint32) bool { return int32(a) < int32(b) }),
	"setp.gt.s32": unsigned(func(a, b uint32) bool { return int32(a) > int32(b) }),
	"setp.lt.f32": compared(func(a, b float32) bool { return a < b }), "setp.gt.f32": compared(func(a,
		b float32) bool {
		return a > b
	}),
	"setp.ge.f32": compared(func(a, b float32) bool { return a >= b }),
	// Unordered comparisons are true for what is no number.
	"setp.ltu.f32": compared(func(a, b float32) bool { return !(a >= b) }),
	"setp.leu.f32": compared(func(a, b float32) bool { return !(a > b) }),
}

func choose(a, b, c uint64) uint64 {
	if c != 0 {
		return a
	}
	return b
}

func unsigned(f func(a, b uint32) bool) func(a, b, c uint64) uint64 {
	return func(a, b, _ uint64) uint64 { return truth(f(uint32(a), uint32(b))) }
}

func compared(f func(a, b float32) bool) func(a, b, c uint64) uint64 {
	return func(a, b, _ uint64) uint64 { return truth(f(real32(a), real32(b))) }
}

// larger is PTX's maximum: of a number and what is none, the number.
func larger(a, b float32) float32 {
	if a != a || b > a {
		return b
	}
	return a
}

// clamp is a conversion's: what is no number becomes zero.
func clamp(v float32, low, high float64) int64 {
	if v != v {
		return 0
	}
	return int64(min(max(math.Trunc(float64(v)), low), high))
}
