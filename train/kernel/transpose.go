package kernel

// transposeFunc writes the transpose of rows x cols values, at most as many as
// a vector has lanes each. Strides are in bytes.
type transposeFunc func(rows, cols int, src *float32, srcStride int, dst *float32, dstStride int)

// Transpose writes the rows x cols matrix x as cols x rows.
func Transpose(dst, x []float32, rows, cols int) { transposeInto(dst, rows, x, cols, rows, cols) }

// transposeInto writes dst[j dstStride + i] = src[i srcStride + j] for i below
// rows and j below cols.
func transposeInto(dst []float32, dstStride int, src []float32, srcStride, rows, cols int) {
	if active.transpose == nil {
		for i := range rows {
			for j, v := range src[i*srcStride : i*srcStride+cols] {
				dst[j*dstStride+i] = v
			}
		}
		return
	}
	if rows == 0 || cols == 0 {
		return
	}
	_, _ = src[(rows-1)*srcStride+cols-1], dst[(cols-1)*dstStride+rows-1] // the kernel checks no bounds
	lanes := active.lanes
	for i := 0; i < rows; i += lanes {
		r := min(lanes, rows-i)
		for j := 0; j < cols; j += lanes {
			active.transpose(r, min(lanes, cols-j), &src[i*srcStride+j], srcStride*sizeOfFloat, &dst[j*dstStride+i],
				dstStride*sizeOfFloat)
		}
	}
}
