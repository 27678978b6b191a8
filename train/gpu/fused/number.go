package fused

import (
	"fmt"
	"math"
)

// number is a constant of OpenCL C, exactly.
func number(c float32) string {
	switch {
	case math.IsInf(float64(c), 1):
		return "INFINITY"
	case math.IsInf(float64(c), -1):
		return "(-INFINITY)"
	case c != c:
		return "NAN"
	}
	return fmt.Sprintf("(%sf)", fmt.Sprintf("%x", c))
}
