// Prints its argument and an environment variable, then ends with code 3, or stays when told to.
console.log(`argument ${process.argv[2]}`)
console.log(`variable ${process.env['TALKER']}`)
console.error('a complaint')
if (process.argv[2] === 'stay') setInterval(() => {}, 60_000)
else process.exitCode = 3
