package kernel

// Power is x^c for x > 0, as e^(c log x): the relative error is about 1e-7
// times 1 + |c log x|.
func Power(dst, x []float32, c float32) {
	Log(dst, x, 0)
	Scale(dst, dst, c)
	Exp(dst, dst, 0)
}
